// How far a long loop is: one line that is drawn over and over on a terminal, and a plain line now
// and then where the output goes to a file or a pipe.
#pragma once

#include "sgq/core/shape.hpp"

#include <chrono>
#include <cstdio>
#include <string>

#include <sys/ioctl.h>
#include <unistd.h>

namespace examples {

using sgq::index_t;

/// Seconds since it was made, plus those `before`, without the time between pause() and resume().
class Stopwatch {
public:
  explicit Stopwatch(double before = 0) : before_(before) {}

  double seconds() const {
    return before_ + (running_ ? std::chrono::duration<double>(Clock::now() - since_).count() : 0);
  }
  void pause() {
    before_ = seconds();
    running_ = false;
  }
  void resume() {
    since_ = Clock::now();
    running_ = true;
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point since_ = Clock::now();
  double before_;
  bool running_ = true;
};

/// "0:42", "1:02:03"
inline std::string clock_text(double seconds) {
  const long s = static_cast<long>(seconds + 0.5);
  char text[32];
  if (s < 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld", s / 60, s % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  return text;
}

class Progress {
public:
  /// `total` steps lie ahead. A terminal is drawn to ten times a second, anything else gets a line
  /// every `plain_interval` seconds.
  explicit Progress(index_t total, double plain_interval = 30)
      : total_(total), interval_(terminal_ ? 0.1 : plain_interval) {}

  /// `done` of the steps are behind. Drawn only if the time has come.
  void show(index_t done, const std::string& text) {
    const double now = watch_.seconds();
    if (now - drawn_at_ < interval_) return;
    drawn_at_ = now;
    const double share = static_cast<double>(done) / static_cast<double>(total_);
    const std::string line = text + "  ETA " + clock_text(done ? now / share - now : 0);
    if (terminal_)
      std::printf("\r\033[K%s", (bar(share) + line).substr(0, columns() - 1).c_str());
    else
      std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }

  /// A line that stays.
  void line(const std::string& text) const {
    std::printf("%s%s\n", terminal_ ? "\r\033[K" : "", text.c_str());
    std::fflush(stdout);
  }

private:
  /// "[====      ] "
  static std::string bar(double share) {
    constexpr std::size_t width = 10;
    std::string filled(static_cast<std::size_t>(share * width), '=');
    filled.resize(width, ' ');
    return "[" + filled + "] ";
  }

  /// Of the terminal, so that the line never wraps.
  static std::size_t columns() {
    winsize size{};
    const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return known ? size.ws_col : 80;
  }

  bool terminal_ = isatty(STDOUT_FILENO) != 0;
  index_t total_;
  double interval_, drawn_at_ = 0;
  Stopwatch watch_;
};

} // namespace examples
