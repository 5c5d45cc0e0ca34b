/* Runs an exported net on a Cortex-M, real or emulated, with its input and output on the host by
 * semihosting: reads images.bin, prints the self-test's result and writes logits_arm.bin.
 * NET_H, NET_RUN, NET_TEST, NET_PIXELS and NET_CLASSES come from the command line (see run.sh). */
#include NET_H
#include <stdio.h>

int main(void) {
  static uint8_t pixels[NET_PIXELS];
  int32_t logits[NET_CLASSES];
  long images = 0;
  FILE *in, *out;
  if (!NET_TEST()) {
    printf("self-test failed\n");
    return 1;
  }
  in = fopen("images.bin", "rb");
  out = fopen("logits_arm.bin", "wb");
  if (!in || !out) return 2;
  while (fread(pixels, 1, sizeof pixels, in) == sizeof pixels) {
    NET_RUN(pixels, logits);
    fwrite(logits, 1, sizeof logits, out);
    ++images;
  }
  fclose(out);
  printf("self-test passed, %ld images\n", images);
  return 0;
}
