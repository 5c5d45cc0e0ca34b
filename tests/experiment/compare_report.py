"""What a report of `reproduce` says, taken apart, and compared with what it should say.

report.md is compared with tables and sentences that recompute.py has written anew, report.html with
report.md.
"""
import html.parser
import re


def tables_of(report):
    """[rows] of every table: the head, then lines."""
    tables, rows = [], []
    for line in report.split("\n") + [""]:
        if line.startswith("|"):
            rows.append([cell[1:-1].replace("<br>", " ").replace("\\|", "|")
                         for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif rows:
            tables.append(rows[:1] + rows[2:])
            rows = []
    return tables


def sentences_of(report):
    """The lines that are neither headings, tables, pictures, code nor contents."""
    report = re.sub(r"^```.*?^```", "", report, flags=re.M | re.S)
    report = re.sub(r"^Contents: .*$", "", report, flags=re.M)
    return [re.sub(r"\[([^][]*)\]\([^)]*\)", r"\1", line) for line in report.split("\n")
            if line and not re.match(r"[#|!]", line)]


NUMBER = re.compile(r"[\u2212+]?\d*\.?\d+|\*")
DIGIT = re.compile(r"\d")
# Numbers that no row decides, each with the words that it belongs to.
FIXED = re.compile("|".join((
    r"arXiv \d{4}\.\d{5}|arXiv \d{4}\.\d{4}", r"\b(fp32|w4a4|w2a2)\b", "28 x 28", "32 x 32",
    "of 100 classes", "ordinary ones of 32 bits", "of 4 or 2 bits; the weights of the "
    "first and last layer, and the image, have 8", "Below 0, pixels",
    "interval excludes 0", "95 % interval", "p < .05 after", "a chance of .8", "C1 asks",
    "does not begin at 0", "exactly 0", "[Uu]nits at 0 and", "the jackknife over seeds, 95 %",
    r"\(32 for fp32\)", "AVX2 or AVX-512", "SHA-256")))


def same(found, low, high):
    """Equal words, and every number one of both; "*" stands for any."""
    if "*" in low:
        found, low, high = (re.sub(r"(?<=\d),(?=\d{3})", "", v) for v in (found, low, high))
    if NUMBER.split(found) == NUMBER.split(low) == NUMBER.split(high):
        return all(f in (a, b) or a == "*" for f, a, b in
                   zip(NUMBER.findall(found), NUMBER.findall(low), NUMBER.findall(high)))
    return found == low


def pattern_of(low, high):
    """Finds a text whose numbers are those of either edge."""
    numbers = [f"({re.escape(a)}|{re.escape(b)})"
               for a, b in zip(NUMBER.findall(low), NUMBER.findall(high))]
    words = [re.escape(part) for part in NUMBER.split(low)]
    return r"(?<![\d.])" * low[:1].isdigit() + \
        "".join(w + n for w, n in zip(words, numbers + [""])) + r"(?!\d)"


def compare_tables(report, low_tables, high_tables):
    found = tables_of(report)
    if len(found) != len(low_tables):
        yield f"{len(found)} tables, not {len(low_tables)}: {[t[0] for t in low_tables]}"
        return
    for rows, (name, low), (_, high) in zip(found, low_tables, high_tables):
        if len(rows) != len(low):
            yield f"{name}: {len(rows)} lines, not {len(low)}"
            continue
        for row, a, b in zip(rows, low, high):
            for k in range(max(len(row), len(a))):
                cells = [r[k] if k < len(r) else "nothing" for r in (row, a, b)]
                if cells[1] is None and not DIGIT.search(cells[0]):
                    continue  # words alone
                if None in cells or not same(*cells):
                    yield f"{name}, {a[0]}, column {k + 1}:\n    it says  {cells[0]}" \
                          f"\n    it is    {cells[1]}"


def compare_texts(report, low_texts, high_texts):
    """Every expected text is there, and no number that is none of them."""
    lines = sentences_of(report)
    for (name, low), (_, high) in zip(low_texts, high_texts):
        if not low:
            continue
        pattern = re.compile(pattern_of(low, high))
        if not any(pattern.search(line) for line in lines):
            yield f"{name}: nowhere: {low}"
        lines = [pattern.sub(" ", line) for line in lines]
    for line in lines:
        rest = FIXED.sub(" ", line)
        if DIGIT.search(rest):
            yield f"numbers that are not computed: {' '.join(rest.split())}"


def command_of(report):
    """The options of the command on the page."""
    lines = re.findall(r"^```\n(.*)\n```$", report, flags=re.M)
    return dict(re.findall(r"--(\S+) (\S+)", " ".join(lines)))


def compare_command(command, row):
    """What the command says of set and size is what the rows say."""
    is_of = {"dataset": row["dataset"], "net": row["net"], "epochs": row["epochs"],
             "scale": row["run"]["scale"], "limit": row["data"]["limit"],
             "out": "out/" + row["dataset"]}
    for name, value in is_of.items():
        got = command.get(name, None if name in ("dataset", "scale") else str(value))
        if got != str(value):
            yield f"command: --{name} {got}, not {value}"


class Page(html.parser.HTMLParser):
    """Tables and sentences of a report.html."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.sentences, self.maps, self.into = [], [], False, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.maps = ("class", "maps") in attributes
            self.tables += [[]] * (not self.maps)
        elif tag == "tr" and not self.maps:
            self.tables[-1] = self.tables[-1] + [[]]
        elif tag in ("td", "th") and not self.maps:
            self.tables[-1][-1].append("")
            self.into = "cell"
        elif tag == "small" and self.into == "cell" and self.tables[-1][-1][-1]:
            self.tables[-1][-1][-1] += " "
        elif tag in ("p", "figcaption", "summary"):
            self.sentences.append("")
            self.into = "sentence"

    def handle_endtag(self, tag):
        if tag in ("td", "th", "p", "figcaption", "summary"):
            self.into = None

    def handle_data(self, data):
        if self.into == "cell":
            self.tables[-1][-1][-1] += data
        elif self.into == "sentence":
            self.sentences[-1] += data


def plain_text(markdown):
    return re.sub(r"\*\*|`|^- |^\*|\*$", "", markdown)


def compare_pages(report, page):
    """report.md and report.html say the same."""
    found = Page(page)
    tables = [[[plain_text(cell) for cell in row] for row in rows] for rows in tables_of(report)]
    if len(tables) != len(found.tables):
        yield f"{len(found.tables)} tables, not {len(tables)}"
    for a, b in zip(tables, found.tables):
        for row, other in zip(a + [[]] * (len(b) - len(a)), b + [[]] * (len(a) - len(b))):
            if row != other:
                yield f"it says  {other}\n    not      {row}"
    said = sorted(plain_text(line) for line in sentences_of(report)
                  if not re.fullmatch(r"\*\*[^*]*\*\*", line))
    for line in sorted(set(said) ^ set(found.sentences)):
        yield f"in one alone: {line}"
