// A report as one page of HTML: no script, no request, pictures inside. Made to be read at a desk
// and on a phone: text keeps a readable measure, figures fall into as many columns as there is
// room for, and wide tables scroll inside themselves.
#pragma once

#include "document.hpp"

#include "../tools/line_chart.hpp"

#include <cctype>
#include <set>

namespace examples {

inline std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u;
    };
    const unsigned group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (unsigned k = 0; k < 4; ++k)
      text += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
  }
  return text;
}

namespace detail {

inline constexpr const char* style = R"css(
:root{color-scheme:light dark;--page:#fff;--ink:#1c2026;--soft:#5d646e;--line:#e0e3e8;--wash:#f6f7f9;--yes:#0d6e5b;--no:#a8321f;--open:#6a5a2b;--plain:#4a6785;--guided:#c4561b;--control:#7d6a9b;--longer:#4f8438}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--ink:#e6e8eb;--soft:#a2a9b3;--line:#31363d;--wash:#1d2126;--yes:#5cc7ae;--no:#f0897a;--open:#d6bf7a;--plain:#8fb2d6;--guided:#f0935c;--control:#b9a5d8;--longer:#97c97c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:56px 24px 96px}
h1{font-size:clamp(28px,4.2vw,42px);line-height:1.15;letter-spacing:-.02em;font-weight:680;margin:0 0 16px;max-width:24ch;text-wrap:balance}
h2{font-size:23px;line-height:1.25;letter-spacing:-.01em;font-weight:660;margin:72px 0 12px;padding-top:20px;border-top:1px solid var(--line)}
p{max-width:72ch;margin:0 0 16px}
.lead{font-size:18px;color:var(--soft);max-width:66ch;margin-bottom:36px}
strong{font-weight:660}
code{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--wash);border:1px solid var(--line);border-radius:8px;padding:14px 16px;overflow-x:auto;margin:0 0 20px}
pre code{overflow-wrap:normal}
.answers{margin:0;border-top:2px solid var(--ink)}
.answers>div{display:grid;grid-template-columns:150px minmax(0,1fr);gap:24px;padding:18px 0;border-bottom:1px solid var(--line)}
.answers dt{font-weight:660}
.answers dd{margin:0;max-width:80ch}
.answers+p{margin-top:28px}
.answers dd p{margin:0 0 6px}
.facts{max-width:80ch;font-size:14px;color:var(--soft);margin:-16px 0 28px}
.yes{color:var(--yes)}.no{color:var(--no)}.open{color:var(--open)}
figure{margin:24px 0 36px}
figcaption,.caption{color:var(--soft);font-size:14px;line-height:1.5;max-width:80ch;margin-top:12px;text-align:left}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,318px),1fr));gap:28px 32px}
.charts svg{display:block;width:100%;height:auto}
.charts>div:only-child{max-width:640px}
.charts.four{grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr))}
nav{margin:28px 0;font-size:14px;color:var(--soft)}
nav ol{margin:6px 0 0;padding-left:20px;columns:2 260px}
a{color:inherit;text-decoration-color:var(--soft);text-underline-offset:2px}
.scroll{overflow-x:auto;margin:0 -24px;padding:0 0 0 24px;background:linear-gradient(90deg,var(--page) 40%,transparent) 0 0/48px 100% no-repeat local,linear-gradient(270deg,var(--page) 40%,transparent) 100% 0/48px 100% no-repeat local,linear-gradient(90deg,var(--line),transparent) 0 0/14px 100% no-repeat,linear-gradient(270deg,var(--line),transparent) 100% 0/14px 100% no-repeat}
table{border-collapse:collapse;font-size:14px;line-height:1.4;font-variant-numeric:tabular-nums}
th{font-weight:600;text-align:right;vertical-align:bottom;color:var(--soft);font-size:13px}
thead th{border-bottom:1px solid var(--ink);padding:6px 0 8px 22px;min-width:72px}
td,tbody th{padding:7px 0 7px 22px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top;white-space:nowrap}
thead th:first-child,tbody th{text-align:left;padding-left:0}
tbody th{color:var(--ink);font-size:14px;font-weight:500;white-space:normal;min-width:170px;max-width:26ch}
td.words,th.words{text-align:left}
td.words.long{white-space:normal;min-width:210px;max-width:44ch}
td.words small{white-space:normal;max-width:24ch}
td.words.long small{max-width:none}
td.words .yes,td.words .no,td.words .open{font-weight:600}
td small,th small{display:block;font-weight:400;color:var(--soft);font-size:12px}
table.maps td,table.maps tbody th{border:0;padding:0 8px 10px 0;text-align:center;vertical-align:top;font-size:12px;color:var(--soft);line-height:1.3}
table.maps tbody th{text-align:left;color:var(--ink);white-space:nowrap;min-width:0;padding-right:14px;padding-top:38px}
table.maps thead th{text-align:center;border:0;padding:0 8px 8px 0;min-width:64px;font-size:12px;white-space:nowrap}
table.maps thead tr.groups th{color:var(--ink);font-size:13px;padding-bottom:2px}
table.maps td{height:112px}
table.maps img{display:block;width:96px;height:96px;image-rendering:pixelated;border-radius:3px;margin:0 auto 2px}
details{margin:16px 0}
@media(min-width:1240px){.scroll{--room:calc((min(100vw - 80px,1320px) - 1072px)/2);margin:0 calc(-1*var(--room));padding:0 0 0 var(--room)}}
summary{cursor:pointer;font-weight:600;margin-bottom:12px}
@media(max-width:640px){
body{font-size:15.5px}
main{padding:32px 16px 64px}
.lead{font-size:16.5px;margin-bottom:28px}
h2{margin-top:52px;font-size:21px}
.answers>div{grid-template-columns:1fr;gap:4px}
.scroll{margin:0 -16px;padding:0 0 0 16px}
td,thead th{padding-left:16px}
tbody th{min-width:122px}
td.words{white-space:normal;min-width:128px}
td.words.long{min-width:170px;max-width:48vw}
thead th:first-child,tbody th{position:sticky;left:0;background:var(--page);max-width:42vw;white-space:normal}
table.maps td,table.maps tbody th,table.maps thead th{padding:0 2px 4px 0;font-size:10px}
table.maps thead th{min-width:0}
table.maps td{height:46px}
table.maps tbody th{padding:12px 6px 0 0;max-width:14vw;white-space:normal;overflow-wrap:anywhere}
table.maps img{width:42px;height:42px}
}
@media print{h2{break-after:avoid}figure,tr{break-inside:avoid}}
)css";

/// Escaped, with a link for every "arXiv 2111.14338".
inline std::string with_links(const std::string& text) {
  constexpr std::string_view word = "arXiv ";
  std::string out, rest = escape_xml(text);
  for (std::size_t at; (at = rest.find(word)) != rest.npos;) {
    const std::size_t begin = at + word.size();
    std::size_t end = begin;
    while (end < rest.size() && (std::isdigit(static_cast<unsigned char>(rest[end])) ||
                                 (rest[end] == '.' && end - begin == 4)))
      ++end;
    const std::string id = rest.substr(begin, end - begin);
    out += rest.substr(0, at) +
           (id.empty() ? std::string(word)
                       : "<a href=\"https://arxiv.org/abs/" + id + "\">arXiv " + id + "</a>");
    rest = rest.substr(end);
  }
  return out + rest;
}

inline std::string html_text(const std::string& text) {
  std::string out;
  each_span(
      text, [&](const std::string& s) { out += with_links(s); },
      [&](const std::string& s) {
        const char* tone = s == "supported" ? " class=\"yes\""
                           : s == "refuted" ? " class=\"no\""
                           : s == "mixed" || s == "undecided" || s == "no verdict"
                               ? " class=\"open\""
                               : "";
        out += std::string("<strong") + tone + ">" + escape_xml(s) + "</strong>";
      },
      [&](const std::string& s) {
        const std::string code = "<code>" + escape_xml(s) + "</code>";
        out += s.ends_with(".jsonl") ? "<a href=\"" + s + "\">" + code + "</a>" : code;
      },
      [&](const std::string& s, const std::string& url) {
        out += "<a href=\"" + escape_xml(url) + "\">" + escape_xml(s) + "</a>";
      });
  return out;
}

/// Links to the headings.
inline std::string contents_of(const Document& d) {
  std::string list;
  for (const Block& block : d.blocks)
    if (const Heading* h = std::get_if<Heading>(&block))
      list += "<li><a href=\"#" + anchor_of(h->text) + "\">" + escape_xml(h->text) + "</a></li>";
  return list.empty() ? "" : "<nav>Contents<ol>" + list + "</ol></nav>\n";
}

/// Writes blocks one after the other; overloads of operator() are what std::visit needs.
class HtmlWriter {
public:
  explicit HtmlWriter(const Document& d) {
    for (const Block& block : d.blocks)
      if (const Table* t = std::get_if<Table>(&block); t && t->defines)
        for (const auto& row : t->rows) defined_.insert(row[0].text);
  }

  std::string html{};

  void operator()(const Heading& h) {
    html += "<h2 id=\"" + anchor_of(h.text) + "\">" + html_text(h.text) + "</h2>\n";
  }
  void operator()(const Text& t) { html += "<p>" + html_text(t.text) + "</p>\n"; }
  void operator()(const Code& c) { html += "<pre><code>" + escape_xml(c.text) + "</code></pre>\n"; }

  void operator()(const Table& t) {
    if (t.folded) html += "<details><summary>" + html_text(t.caption) + "</summary>\n";
    html += "<figure><div class=\"scroll\"><table><thead><tr>";
    for (std::size_t c = 0; c < t.head.size(); ++c)
      html += (t.is_words(c) ? "<th class=\"words\">" : "<th>") + head(t.head[c]) + "</th>";
    html += "</tr></thead><tbody>\n";
    for (const auto& row : t.rows) {
      html += t.defines ? "<tr id=\"" + anchor_of("measure " + row[0].text) + "\">" : "<tr>";
      for (std::size_t c = 0; c < row.size(); ++c) html += cell(row[c], c == 0);
      html += "</tr>\n";
    }
    html += "</tbody></table></div>";
    if (!t.folded) html += "<figcaption>" + html_text(t.caption) + "</figcaption>";
    html += t.folded ? "</figure></details>\n" : "</figure>\n";
  }

  void operator()(const Figure& f) {
    html += f.drawings.size() == 4 ? "<figure><div class=\"charts four\">\n"
                                   : "<figure><div class=\"charts\">\n";
    for (const Drawing& d : f.drawings) html += "<div>" + d.svg + "</div>\n";
    html += "</div><figcaption>" + html_text(f.caption) + "</figcaption></figure>\n";
  }

  void operator()(const MapTable& m) {
    html += "<figure><div class=\"scroll\"><table class=\"maps\"><thead>";
    if (!m.groups.empty()) {
      html += "<tr class=\"groups\"><th></th>";
      for (const auto& [text, columns] : m.groups)
        html += "<th colspan=\"" + sgq::to_text(columns) + "\">" + html_text(text) + "</th>";
      html += "</tr>";
    }
    html += "<tr><th></th>";
    for (const std::string& c : m.columns) html += "<th>" + html_text(c) + "</th>";
    html += "</tr></thead><tbody>\n";
    for (std::size_t r = 0; r < m.tiles.size(); ++r) {
      html += "<tr><th>" + html_text(m.rows[r]) + "</th>";
      for (std::size_t c = 0; c < m.tiles[r].size(); ++c) {
        const Tile& tile = m.tiles[r][c];
        html += "<td>";
        if (!tile.rgb.empty())
          html += "<img alt=\"" + escape_xml(m.columns[c] + ", " + m.rows[r]) +
                  "\" src=\"data:image/png;base64," + base64(encode_png(tile.rgb, m.name)) + "\">";
        html += html_text(tile.caption) + "</td>";
      }
      html += "</tr>\n";
    }
    html +=
        "</tbody></table></div><figcaption>" + html_text(m.caption) + "</figcaption></figure>\n";
  }

private:
  std::set<std::string> defined_;

  /// With a link to what it means.
  std::string head(const std::string& text) const {
    return defined_.count(text) == 0
               ? html_text(text)
               : "<a href=\"#" + anchor_of("measure " + text) + "\">" + html_text(text) + "</a>";
  }

  static std::string cell(const TableCell& c, bool first) {
    std::string text = html_text(c.text);
    if (!c.small.empty()) text += "<small>" + html_text(c.small) + "</small>";
    if (first) return "<th scope=\"row\">" + text + "</th>";
    if (c.tone.empty()) return "<td>" + text + "</td>";
    const bool is_long = std::max(c.text.size(), c.small.size()) > 40;
    return (is_long ? "<td class=\"words long\">" : "<td class=\"words\">") +
           std::string("<span class=\"") + c.tone + "\">" + text + "</span></td>";
  }
};

} // namespace detail

inline std::string to_html(const Document& d) {
  detail::HtmlWriter writer(d);
  std::string& html = writer.html;
  html = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
         detail::escape_xml(d.title) + "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>" +
         detail::style + "</style></head>\n<body><main>\n<h1>" + detail::escape_xml(d.title) +
         "</h1>\n<p class=\"lead\">" + detail::html_text(d.lead) + "</p>\n<p class=\"facts\">" +
         detail::html_text(d.facts) + "</p>\n";
  if (!d.terms.empty()) html += "<p class=\"facts\">" + detail::html_text(d.terms) + "</p>\n";
  if (!d.glance.drawings.empty()) writer(d.glance);
  html += "<dl class=\"answers\">\n";
  for (const Answer& a : d.answers) {
    html += "<div><dt>" + detail::html_text(a.label) + "</dt><dd>";
    for (const std::string& line : a.lines) html += "<p>" + detail::html_text(line) + "</p>";
    html += "</dd></div>\n";
  }
  html += "</dl>\n" + detail::contents_of(d);
  for (const Block& block : d.blocks) std::visit(writer, block);
  return html + "</main></body></html>\n";
}

} // namespace examples
