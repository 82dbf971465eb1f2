/* A disk that is full from the nth write on, or refuses the nth alone: to be loaded with LD_PRELOAD.
   Counted is every write to a regular file and every change of one's size; pipes and sockets go on as ever. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

static atomic_int seen = 0;
static int first = INT_MAX, last = INT_MAX;

void refuse_writes(int from, int once) {
    seen = 0;
    first = from;
    last = once ? from : INT_MAX;
}

int writes_seen(void) { return seen; }

static int refused(int file) {
    struct stat about;
    if (first == INT_MAX || fstat(file, &about) || !S_ISREG(about.st_mode)) return 0;
    int number = atomic_fetch_add(&seen, 1);
    if (number < first || number > last) return 0;
    errno = ENOSPC;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WRITE(type, name, parameters, arguments) \
    type name parameters { return refused(file) ? -1 : REAL(name) arguments; }

WRITE(ssize_t, write, (int file, const void *data, size_t size), (file, data, size))
WRITE(ssize_t, pwrite, (int file, const void *data, size_t size, off_t at), (file, data, size, at))
WRITE(ssize_t, pwrite64, (int file, const void *data, size_t size, off64_t at), (file, data, size, at))
WRITE(ssize_t, writev, (int file, const struct iovec *data, int count), (file, data, count))
WRITE(ssize_t, pwritev, (int file, const struct iovec *data, int count, off_t at), (file, data, count, at))
WRITE(ssize_t, pwritev64, (int file, const struct iovec *data, int count, off64_t at), (file, data, count, at))
WRITE(int, ftruncate, (int file, off_t size), (file, size))
WRITE(int, ftruncate64, (int file, off64_t size), (file, size))
