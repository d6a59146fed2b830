/* Preloaded library (LD_PRELOAD): shifts the wall clock by the milliseconds in the file that CLOCK_STEP_FILE names, an int64
   in the machine's byte order. Monotonic clocks stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int clock_function(clockid_t, struct timespec *);

static clock_function *real_clock_gettime;
static const volatile int64_t *step_ms;

/* Mapped once, as every reading of the clock looks at it. */
__attribute__((constructor)) static void map_step(void) {
  real_clock_gettime = (clock_function *)dlsym(RTLD_NEXT, "clock_gettime");
  const char *path = getenv("CLOCK_STEP_FILE");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof *step_ms, PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) step_ms = mapped;
  close(file);
}

int clock_gettime(clockid_t id, struct timespec *now) {
  /* Other libraries' constructors may run before the one above. */
  int result = real_clock_gettime ? real_clock_gettime(id, now) : (int)syscall(SYS_clock_gettime, id, now);
  if (result != 0 || !step_ms || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
  int64_t step = *step_ms;
  now->tv_sec += step / 1000;
  now->tv_nsec += step % 1000 * 1000000;
  if (now->tv_nsec < 0) {
    now->tv_sec--;
    now->tv_nsec += 1000000000;
  } else if (now->tv_nsec >= 1000000000) {
    now->tv_sec++;
    now->tv_nsec -= 1000000000;
  }
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise = {0};
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return result;
}

time_t time(time_t *seconds) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return -1;
  if (seconds) *seconds = now.tv_sec;
  return now.tv_sec;
}
