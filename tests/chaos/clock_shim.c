/* Preloaded into one process: its wall clock can be set from outside while it runs, as an operator or NTP would step it.
 *
 * The file named by WANGGE_CLOCK_FILE holds two 64-bit integers: nanoseconds to add to the wall clock, written by the
 * test, and how often the process asked while that was not zero, written here. Monotonic clocks are left alone: no
 * machine's jump, and with them every sleep and every wait keeps its length. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

struct dial { volatile int64_t nanoseconds, asked; };

static struct dial *dial;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void map_the_dial(void) {
    const char *path = getenv("WANGGE_CLOCK_FILE");
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *place = mmap(NULL, sizeof(struct dial), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) dial = place;
    close(file);
}

int clock_gettime(clockid_t which, struct timespec *at) {
    if (!real) map_the_dial(); /* another library's constructor may ask before ours has run */
    int failed = real(which, at);
    if (failed || (which != CLOCK_REALTIME && which != CLOCK_REALTIME_COARSE) || !dial || !dial->nanoseconds)
        return failed;
    int64_t total = at->tv_sec * SECOND + at->tv_nsec + dial->nanoseconds;
    at->tv_sec = total / SECOND;
    at->tv_nsec = total % SECOND;
    __sync_fetch_and_add(&dial->asked, 1);
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
