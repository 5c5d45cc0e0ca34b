/* The vector table of a Cortex-M: where the stack begins and where to start. The C library's own
 * start-up code (rdimon) does the rest. */
#include <stdint.h>

extern uint32_t stack_top;
void _start(void);

static void start(void) {
  _start();
}
static void stop(void) {
  for (;;) {
  }
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&stack_top, start, stop, stop, stop, stop, stop};
