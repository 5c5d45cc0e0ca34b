#!/usr/bin/env python3
"""Draws docs/images/evidence.svg: where the largest gradients of two networks lie.

    cells=docs/results/full/mnist/cells      (of `docs/results/experiment.sh REPRODUCE 1 mnist`)
    for net in plain guided random-mask; do
      explain --model $cells/mnist.mnist_cnn.w4a4.$net.seed-1/model.safetensors \\
        --images mnist:0-999 --method gradient --out out/$net
    done
    evidence.py MNIST out/plain out/guided evidence.svg      (MNIST: the folder of the test images)

explain states the shares with their intervals, as relevance_rank_on_ink in metrics.json.

A digit's ink is what is brighter than 127. Of an image with k such pixels the k largest gradients
are drawn, blue on the ink, orange beside it.
"""
import struct
import sys

SIDE, ZOOM, GAP, SHOWN = 28, 6, 14, 3
HEADS = ["test image", "its ink", "plain training", "saliency-guided"]
ON, OFF = "#2196f3", "#ff7a00"


def read_images(folder):
    with open(folder + "/t10k-images-idx3-ubyte", "rb") as f:
        return f.read()[16:]


def read_maps(path):
    """The numbers of an .npy file of float32."""
    with open(path, "rb") as f:
        data = f.read()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    return struct.unpack("<%df" % ((len(data) - start) // 4), data[start:])


def tile(x, y, colors):
    """Squares of a tile at (x, y), a path per color."""
    paths = {}
    for i, color in colors.items():
        paths.setdefault(color, []).append("M%d %dh1v1h-1z" % (i % SIDE, i // SIDE))
    body = "".join('<path fill="%s" d="%s"/>' % (c, "".join(p)) for c, p in sorted(paths.items()))
    return '<g transform="translate(%d %d) scale(%d)"><rect width="%d" height="%d"/>%s</g>' % (
        x, y, ZOOM, SIDE, SIDE, body)


def text(x, y, line, size=15, weight="normal"):
    return '<text x="%d" y="%d" font-size="%d" font-weight="%s">%s</text>' % (x, y, size, weight, line)


def gray(codes, factor):
    """The image in 16 grays, which keeps the file small."""
    values = ((i, int(p * factor) // 16 * 17) for i, p in enumerate(codes))
    return {i: "#%02x%02x%02x" % (v, v, v) for i, v in values if v > 0}


def main(data, plain, guided, out):
    area, tile_size = SIDE * SIDE, SIDE * ZOOM
    images = read_images(data)
    maps = [read_maps(folder + "/gradient.npy") for folder in (plain, guided)]
    count = len(maps[0]) // area
    inks = [{i for i in range(area) if images[n * area + i] > 127} for n in range(count)]

    def largest(n, method):
        g = maps[method][n * area:(n + 1) * area]
        return sorted(range(area), key=lambda i: -abs(g[i]))[:len(inks[n])]

    def share(n, method):
        return 100 * len(inks[n].intersection(largest(n, method))) / len(inks[n])

    step, row = tile_size + GAP, tile_size + 28
    left = [GAP + c * step for c in range(4)]
    parts = [text(left[c] + tile_size // 2, 24, head, 16, "bold") for c, head in enumerate(HEADS)]
    for n in range(SHOWN):
        y = 36 + n * row
        codes = images[n * area:(n + 1) * area]
        parts += [tile(left[0], y, gray(codes, 1)), tile(left[1], y, {i: ON for i in inks[n]})]
        for method in (0, 1):
            colors = gray(codes, .3)
            colors.update({i: ON if i in inks[n] else OFF for i in largest(n, method)})
            parts += [tile(left[2 + method], y, colors),
                      text(left[2 + method] + tile_size // 2, y + tile_size + 18,
                           "%.0f %% on the ink" % share(n, method))]
    end = 36 + SHOWN * row
    for method, name in enumerate(HEADS[2:]):
        mean = sum(share(n, method) for n in range(count)) / count
        parts.append(text(left[2 + method] + tile_size // 2, end + 14, "%d images: %.0f %%" % (count, mean),
                          16, "bold"))
        print("%s: %.1f %% of the largest gradients on the ink, %d images" % (name, mean, count))
    width, height = 4 * step + GAP, end + 28
    with open(out, "w", encoding="ascii") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
                'font-family="sans-serif" text-anchor="middle" shape-rendering="crispEdges">'
                '<rect width="100%%" height="100%%" fill="#fff"/>%s</svg>\n'
                % (width, height, width, height, "\n".join(parts)))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
