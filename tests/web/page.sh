#!/bin/sh
# The page in a real browser: page.mjs, driven by playwright-core, which npm puts outside the tree.
#
#   page.sh PAGE.html PAGE_DIGEST [SCREENSHOTS]
#
# Returns 77, and says so, where there is no Chromium, node or playwright-core.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
skip() {
  echo "SKIPPED, the page was not tested: $1" >&2
  exit 77
}
command -v chromium >/dev/null || skip "no chromium (apt-get install chromium)"
command -v node >/dev/null || skip "no node (apt-get install nodejs)"
modules=${SGQ_PLAYWRIGHT:-${TMPDIR:-/tmp}/sgq-playwright}
if [ ! -d "$modules/node_modules/playwright-core" ]; then
  command -v npm >/dev/null || skip "no npm, and no playwright-core in $modules"
  mkdir -p "$modules"
  npm install --prefix "$modules" --ignore-scripts --no-audit --no-fund playwright-core@1.48.2 ||
    skip "npm cannot install playwright-core"
fi
PLAYWRIGHT="$modules" exec node "$here/page.mjs" "$@"
