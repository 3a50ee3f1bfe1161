//! The table: every row with what it injects and demands, and its test.

use crate::outside::Tool;
use crate::trial::{Row, hold};
use crate::{calls, damage, determinism, disk, folders, input, kills, memory};

#[test]
fn d1_any_number_of_workers_gives_the_same_bytes() {
    hold(&Row {
        id: "D1",
        fault: "other numbers of workers",
        how: "24 runs with `--jobs` 1, 2, 3, 8, 5 times each",
        demanded: "tables, weights' digests and pictures of the reference, byte for byte",
        needs: &[],
        guards: &["draws"],
        work: determinism::threads,
    });
}

#[test]
fn d2_any_order_and_any_shards_give_the_same_bytes() {
    hold(&Row {
        id: "D2",
        fault: "another order, shards",
        how: "10 shuffled orders of `--only`, by one or two digits of the key",
        demanded: "the reference bytes; nothing is trained twice",
        needs: &[],
        guards: &["draws"],
        work: determinism::orders,
    });
}

#[test]
fn d3_a_run_alone_is_the_run_of_the_sweep() {
    hold(&Row {
        id: "D3",
        fault: "a single run alone",
        how: "each of 24 runs by `--only` in a folder of its own",
        demanded: "the record that it has in the sweep, bit for bit",
        needs: &[],
        guards: &["draws"],
        work: determinism::alone,
    });
}

#[test]
fn d4_threads_of_the_library_change_no_bit() {
    hold(&Row {
        id: "D4",
        fault: "threads of the product library",
        how: "`OPENBLAS_NUM_THREADS` 1, 2, 4",
        demanded: "the reference bytes",
        needs: &[],
        guards: if cfg!(feature = "openblas") { &["threads"] } else { &[] },
        work: determinism::library_threads,
    });
}

#[test]
fn d5_another_kernel_has_another_stamp_and_nearly_the_same_numbers() {
    hold(&Row {
        id: "D5",
        fault: "another kernel of the product library",
        how: "`OPENBLAS_CORETYPE` Prescott, Nehalem, Haswell, in one folder",
        demanded: "the stamp names it, records of others are not taken; numbers within 1e-4",
        needs: &[],
        guards: if cfg!(feature = "openblas") { &["stamp"] } else { &[] },
        work: determinism::kernels,
    });
}

#[test]
fn f1_killed_at_any_call_it_carries_on_to_the_same_bytes() {
    hold(&Row {
        id: "F1",
        fault: "killed at a system call",
        how: "`strace -e inject=CALL:signal=KILL:when=n`, n from 1 until the run passes; write, \
              pwrite64, fsync, fdatasync, rename, openat, unlink, ftruncate; from nothing, from a \
              plan without runs, from runs without a report",
        demanded: "no final name with part of a file; the same command ends in the reference \
                   bytes, leaves no other file, and trains nothing that was reported; every \
                   change is synced before it is reported",
        needs: &[Tool::Strace],
        guards: &["journal", "rename", "sync"],
        work: calls::kill,
    });
}

#[test]
fn f2_a_call_that_fails_is_named_or_of_no_consequence() {
    hold(&Row {
        id: "F2",
        fault: "a system call fails",
        how: "`strace -e inject=CALL:error=E:when=n`, the calls of F1, every n; ENOSPC, EIO, \
              EACCES, EDQUOT, EINTR, EMFILE; each write and pwrite64 cut in half by a library that \
              is loaded before",
        demanded: "exit 0 with the reference bytes, or another with path and reason (not where a \
                   write was cut: 0); then the same command ends in the reference bytes",
        needs: &[Tool::Strace],
        guards: &["failure"],
        work: calls::fail,
    });
}

#[test]
fn f3_killed_at_any_moment_it_carries_on_to_the_same_bytes() {
    hold(&Row {
        id: "F3",
        fault: "kill -9 at random moments",
        how: "200 kills of sweeps of 24 runs, at least 20 of them while carrying on",
        demanded: "nothing durable is lost or trained again, no final name with part of a file; \
                   the reference bytes at the end",
        needs: &[],
        // A kill at random hardly ever meets the one moment in which a commit needs its journal:
        // that is seen by F1.
        guards: &["transaction"],
        work: kills::random,
    });
}

#[test]
fn f3_killed_inside_of_a_run_it_carries_on_to_the_same_bits() {
    hold(&Row {
        id: "F3 inside",
        fault: "kill -9 inside of long runs",
        how: "40 kills at random moments of two runs of a second, with `--checkpoint-every 0.05`",
        demanded: "carried on from checkpoints to the reference bytes",
        needs: &[],
        guards: &["checkpoint"],
        work: kills::inside_a_run,
    });
}

#[test]
fn f4_a_signal_stops_it_soon_with_everything_finished_kept() {
    hold(&Row {
        id: "F4",
        fault: "SIGINT, SIGTERM, SIGHUP, SIGINT twice",
        how: "50 of each at random moments of training",
        demanded: "within 2 s, exit 130, 143, 129; what is finished is kept and said; the same \
                   command ends in the reference bytes",
        needs: &[],
        guards: &["signals"],
        work: kills::signals,
    });
}

#[test]
fn f5_a_full_disk_is_named_and_with_room_it_carries_on() {
    hold(&Row {
        id: "F5",
        fault: "disk full, no inodes",
        how: "a tmpfs of 64 KiB to 4 MiB in 20 sizes, of 3 to 40 inodes in 20 steps",
        demanded: "exit 75 with path and reason, what was stored is readable; with room the \
                   same command trains the rest and ends in the reference bytes",
        needs: &[Tool::SmallDisk],
        guards: &["failure"],
        work: disk::no_room,
    });
}

#[test]
fn f6_a_folder_that_cannot_be_used_is_refused_before_anything_is_trained() {
    hold(&Row {
        id: "F6",
        fault: "a folder that cannot be used",
        how: "as nobody (`setpriv`): read-only, closed, another's; files, folders and dangling \
              links in its place; a name of 255 bytes",
        demanded: "exit 2 with the path before the first step, nothing written",
        needs: &[Tool::Permissions],
        guards: &["failure"],
        work: folders::unusable,
    });
}

#[test]
fn f6_a_read_only_file_system_is_refused_before_anything_is_trained() {
    hold(&Row {
        id: "F6 disk",
        fault: "a read-only file system",
        how: "a tmpfs remounted read-only, empty and with a store",
        demanded: "exit 2 with the path before the first step, nothing written",
        needs: &[Tool::SmallDisk],
        guards: &["failure"],
        work: folders::read_only_disk,
    });
}

#[test]
fn f7_two_processes_join_or_the_second_is_refused() {
    hold(&Row {
        id: "F7",
        fault: "two processes on one folder",
        how: "20 times the same plan, 5 times another",
        demanded: "same plan: both exit 0, each run is stored once, the reference bytes; other: \
                   the second exits 75, the first ends in its reference bytes",
        needs: &[],
        guards: &["lock"],
        work: folders::two_processes,
    });
}

#[test]
fn f8_a_folder_that_goes_away_is_an_error_and_nothing_is_written_elsewhere() {
    hold(&Row {
        id: "F8",
        fault: "the folder goes away while it is trained into",
        how: "removed, moved, replaced by a folder or a file, the store removed",
        demanded: "exit 2 or 75 with the path, nothing written outside; put back, the same command \
                   ends in the reference bytes",
        needs: &[],
        guards: &["failure"],
        work: folders::gone,
    });
}

#[test]
fn f10_a_run_that_can_never_fit_fails_alone() {
    hold(&Row {
        id: "F10",
        fault: "too little memory",
        how: "`ulimit -v` of 1.6 to 3.0 GB for a network that takes 3.2 GB to train, beside one \
              that fits; `--jobs 2`",
        demanded: "refused before its first step with what it needs and what there is, exit 1; \
                   the others have the numbers that they have alone",
        needs: &[],
        guards: &["memory"],
        work: memory::too_large,
    });
}

#[test]
fn f10_what_trains_beside_run_asks_for_memory_too() {
    hold(&Row {
        id: "F10 beside",
        fault: "too little memory for `verify` and `accept`",
        how: "`ulimit -v` that a network of 0.33 GB does not fit, and one that its witness, in \
              double precision, does not",
        demanded: "refused before its first step with what it needs and what there is, exit 75",
        needs: &[],
        guards: &["memory"],
        work: memory::too_large_beside_run,
    });
}

#[test]
fn f12_memory_and_files_do_not_grow_with_runs_and_kills() {
    hold(&Row {
        id: "F12",
        fault: "10,000 runs with 30 kills",
        how: "kill -9 once training has begun again",
        demanded: "memory at most 1.2 times that of 1,000 runs, fewer than 64 open files, \
                   training again within 2 s, the bytes of the undisturbed sweep",
        needs: &[],
        guards: &["growth"],
        work: kills::large_sweep,
    });
}

#[test]
fn f13_an_output_that_takes_nothing_ends_in_no_panic() {
    hold(&Row {
        id: "F13",
        fault: "stdout or stderr closed, full, unread",
        how: "`>&-`, `>/dev/full`, `| true`, `2>/dev/full`; run, plan, report, doctor",
        demanded: "no panic, 0 or a clear code, the results are the reference bytes",
        needs: &[],
        guards: &["output"],
        work: input::outputs,
    });
}

#[test]
fn a1_a_damaged_checkpoint_is_named_and_nothing_comes_of_it() {
    hold(&Row {
        id: "A1",
        fault: "a damaged checkpoint",
        how: "a store with a run killed in its midst, cut and flipped as in A2",
        demanded: "a warning and the run anew, or exit 2, 3 or 75 with the file; the reference \
                   bytes wherever it ends, never a panic",
        needs: &[],
        guards: &["checksum"],
        work: damage::checkpoint,
    });
}

#[test]
fn a1_damaged_weights_are_named_or_those_of_another_run() {
    hold(&Row {
        id: "A1 weights",
        fault: "damaged weights to begin with",
        how: "a safetensors file cut at every byte of its header and at 200 places, each byte of \
              the header flipped, 500 random bits",
        demanded: "exit 2 with the file, or other keys: what is in the file is part of a run's key",
        needs: &[],
        guards: &["weights"],
        work: damage::weights,
    });
}

#[test]
fn a2_a_damaged_store_is_named_or_every_record_is_proven() {
    hold(&Row {
        id: "A2",
        fault: "a damaged store",
        how: "cut at every boundary of pages and beside it, zeroed pages, every byte of the \
              header flipped, 900 random bits",
        demanded: "exit 2, 3 or 75 with the file, or the reference bytes; never another number, \
                   never a panic",
        needs: &[],
        guards: &["checksum"],
        work: damage::store,
    });
}

#[test]
fn a2_a_damaged_journal_is_named_or_every_record_is_proven() {
    hold(&Row {
        id: "A2 journal",
        fault: "a hot journal, damaged or gone, or its store damaged",
        how: "killed within a commit by `strace`; then as A2, by sectors of the journal",
        demanded: "as A2",
        needs: &[Tool::Strace],
        guards: &["checksum"],
        work: damage::journal,
    });
}

#[test]
fn a3_a_file_that_is_no_store_is_refused_at_once() {
    hold(&Row {
        id: "A3",
        fault: "no store of this program",
        how: "later and earlier format, another program's database, text, 4 GB of nothing, a \
              folder, a FIFO, /dev/zero, an empty file",
        demanded: "exit 2 with the file within 1 s and 64 MB; an empty file is no store yet",
        needs: &[],
        guards: &["format"],
        work: damage::foreign,
    });
}

#[test]
fn a4_what_cannot_be_saved_is_said() {
    hold(&Row {
        id: "A4",
        fault: "saving where it cannot be",
        how: "`weights --to`: a read-only file system, no folder, a folder of that name, no \
              space, no inode, another device",
        demanded: "another exit code than 0 with the path, nothing left; another device: the same \
                   bytes",
        needs: &[Tool::SmallDisk],
        guards: &["failure"],
        work: input::saving,
    });
}

#[test]
fn i8_no_name_leads_out_of_the_results() {
    hold(&Row {
        id: "I8",
        fault: "names that lead elsewhere",
        how: "27 names of experiments and arguments: `../x`, `/proc/x`, CON, controls, bidi marks, \
              300 bytes; links among the results",
        demanded: "exit 2, nothing written, no control character in the message",
        needs: &[],
        guards: &["names"],
        work: input::names,
    });
}

#[test]
fn i9_what_is_not_finite_is_a_result_of_its_own_run_alone() {
    hold(&Row {
        id: "I9",
        fault: "losses that are not finite",
        how: "learning rates 1e3 to 3e35 beside two sound ones; a claim about such a run",
        demanded: "diverged, the other runs as without it, the report says so, never best; \
                   `check` fails by name",
        needs: &[],
        guards: &["finite"],
        work: input::not_finite,
    });
}

#[test]
fn i10_no_command_line_ends_in_a_panic() {
    hold(&Row {
        id: "I10",
        fault: "wrong command lines",
        how: "flags twice, missing, huge, no text, 140 lines of random words",
        demanded: "exit 2 with a message, no panic, nothing written",
        needs: &[],
        guards: &["failure"],
        work: input::command_lines,
    });
}
