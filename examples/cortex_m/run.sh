#!/bin/sh
# Compiles an exported net for a Cortex-M4, runs it under QEMU, and compares its logits.
#
#   run.sh DIR NAME     DIR has NAME.c, NAME.h, images.bin and logits.bin, as the program
#                       integer_inference leaves them
#
# Needs gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm; returns 77 without them.
set -eu
dir=$1
name=$2
here=$(cd "$(dirname "$0")" && pwd)
upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
for tool in arm-none-eabi-gcc qemu-system-arm; do
  command -v $tool >/dev/null || {
    echo "no $tool"
    exit 77
  }
done

cd "$dir"
flags="-mcpu=cortex-m4 -mthumb -std=c99 -Os -Wall -Wextra -Werror"
arm-none-eabi-gcc $flags -pedantic -c "$name.c" -o "$name.o"
echo "$name.o on Cortex-M4 (text is flash; data and bss are RAM):"
arm-none-eabi-size "$name.o"
arm-none-eabi-gcc $flags -I. -DNET_H="\"$name.h\"" -DNET_RUN="${name}_run" \
  -DNET_TEST="${name}_self_test" -DNET_PIXELS="${upper}_PIXELS" -DNET_CLASSES="${upper}_CLASSES" \
  "$here/main.c" "$here/startup.c" "$name.o" --specs=rdimon.specs -T "$here/mps2.ld" -o "$name.elf"
timeout 500 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none \
  -semihosting-config enable=on,target=native -kernel "$name.elf"
cmp logits.bin logits_arm.bin
echo "all logits equal those of the engine"
