// Counts instructions by single steps of a traced copy of the process: slow (up to 30 µs each), but
// exact, and possible where the processor's counters are not, as in most virtual machines.

#include "CCounters.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

// From the stop to the end, with what surrounds the second run of `body`.
static int64_t steps(void (*body)(void *), void *context, int64_t limit) {
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(1);
    // Binds symbols, touches pages, grows what grows.
    body(context);
    raise(SIGSTOP);
    body(context);
    _exit(0);
  }
  int status = 0;
  int64_t count = -1;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    if (++count > limit || ptrace(PTRACE_SINGLESTEP, child, 0, 0) != 0) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      return -1;
    }
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? count : -1;
}

static void nothing(void *context) { (void)context; }

int64_t counters_instructions(void (*body)(void *), void *context, int64_t limit) {
  int64_t frame = steps(nothing, context, limit);
  int64_t all = frame < 0 ? -1 : steps(body, context, limit);
  return all < 0 ? -1 : all - frame;
}
