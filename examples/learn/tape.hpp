// A tape in seventy lines: reverse-mode differentiation of scalars (docs/learn/1-tape.md).
//
// A Number knows its value and its place on a tape. An operation notes, at the next place, which
// places it has read and the derivative with respect to each. gradient() reads the notes backwards.
#pragma once

#include "sgq/core/elementary.hpp"

#include <vector>

namespace learn {

struct Number {
  Number(double v) : value(v) {} // a constant stands on no tape
  Number(double v, class Tape* t, std::size_t i) : value(v), tape(t), at(i) {}
  double value;
  Tape* tape = nullptr;
  std::size_t at = 0;
};

class Tape {
public:
  Number input(double value) { return note(value, 0, 0, 0, 0); }
  /// A new number that has read a and b; da and db are its derivatives.
  Number note(double value, const Number& a, double da, const Number& b, double db) {
    notes_.push_back({a.at, b.at, a.tape ? da : 0, b.tape ? db : 0});
    return {value, this, notes_.size() - 1};
  }
  /// dy/dx for the number x at every place: g[x.at].
  std::vector<double> gradient(const Number& y) const {
    std::vector<double> g(notes_.size());
    g[y.at] = 1;
    for (std::size_t i = y.at + 1; i-- > 0;) {
      g[notes_[i].a] += g[i] * notes_[i].da;
      g[notes_[i].b] += g[i] * notes_[i].db;
    }
    return g;
  }

private:
  struct Note {
    std::size_t a, b;
    double da, db;
  };
  std::vector<Note> notes_;
};

inline Number note(double value, const Number& a, double da, const Number& b = 0, double db = 0) {
  Tape* const tape = a.tape ? a.tape : b.tape;
  return tape ? tape->note(value, a, da, b, db) : Number(value);
}

inline Number operator+(Number a, Number b) {
  return note(a.value + b.value, a, 1, b, 1);
}
inline Number operator-(Number a, Number b) {
  return note(a.value - b.value, a, 1, b, -1);
}
inline Number operator*(Number a, Number b) {
  return note(a.value * b.value, a, b.value, b, a.value);
}
inline Number tanh(Number a) {
  const double y = sgq::math::tanh(a.value);
  return note(y, a, 1 - y * y);
}
inline Number relu(Number a) {
  return note(a.value > 0 ? a.value : 0, a, a.value > 0 ? 1 : 0);
}

} // namespace learn
