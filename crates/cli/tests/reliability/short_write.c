// Loaded before the program under test: its nth write takes half of the bytes, as one that a signal
// meets or a pipe that is nearly full. No tracer can do it: they replace a result, not what is done.

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static size_t allowed(const char *call, size_t count) {
    const char *wanted = getenv("SHORT_CALL"), *nth = getenv("SHORT_NTH");
    if (!wanted || !nth || strcmp(wanted, call) != 0) return count;
    if (atomic_fetch_add(&calls, 1) + 1 != atol(nth)) return count;
    return count > 1 ? count / 2 : count;
}

ssize_t write(int file, const void *bytes, size_t count) {
    return syscall(SYS_write, file, bytes, allowed("write", count));
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t offset) {
    return syscall(SYS_pwrite64, file, bytes, allowed("pwrite64", count), offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}
