#include "base/units.h"

#include <cmath>
#include <optional>
#include <span>

#include "base/strings.h"

namespace tarn {
namespace {

struct Unit {
  std::string_view name;  // Lower case.
  uint64_t factor;
};

constexpr Unit kSizeUnits[] = {
    {"", 1},
    {"b", 1},
    {"k", 1ULL << 10},
    {"kb", 1ULL << 10},
    {"kib", 1ULL << 10},
    {"m", 1ULL << 20},
    {"mb", 1ULL << 20},
    {"mib", 1ULL << 20},
    {"g", 1ULL << 30},
    {"gb", 1ULL << 30},
    {"gib", 1ULL << 30},
    {"t", 1ULL << 40},
    {"tb", 1ULL << 40},
    {"tib", 1ULL << 40},
    {"p", 1ULL << 50},
    {"pb", 1ULL << 50},
    {"pib", 1ULL << 50},
};

constexpr uint64_t kSecond = 1'000'000'000;
constexpr Unit kDurationUnits[] = {
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", kSecond},
    {"sec", kSecond},
    {"second", kSecond},
    {"seconds", kSecond},
    {"m", 60 * kSecond},
    {"min", 60 * kSecond},
    {"minute", 60 * kSecond},
    {"minutes", 60 * kSecond},
    {"h", 3600 * kSecond},
    {"hr", 3600 * kSecond},
    {"hour", 3600 * kSecond},
    {"hours", 3600 * kSecond},
    {"d", 86400 * kSecond},
    {"day", 86400 * kSecond},
    {"days", 86400 * kSecond},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

struct Quantity {
  uint64_t whole = 0;
  double fraction = 0;
  std::string unit;  // Lower case.
};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::optional<Quantity> SplitQuantity(std::string_view text) {
  Quantity q;
  size_t i = 0;
  for (; i < text.size() && IsDigit(text[i]); ++i) {
    const auto digit = static_cast<uint64_t>(text[i] - '0');
    if (q.whole > (UINT64_MAX - digit) / 10) return std::nullopt;
    q.whole = q.whole * 10 + digit;
  }
  if (i == 0) return std::nullopt;
  if (i + 1 < text.size() && text[i] == '.' && IsDigit(text[i + 1])) {
    double place = 0.1;
    for (++i; i < text.size() && IsDigit(text[i]); ++i, place /= 10) {
      q.fraction += place * (text[i] - '0');
    }
  }
  q.unit = Lower(Trimmed(text.substr(i)));
  return q;
}

std::optional<uint64_t> FactorOf(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

// Whole multiples are exact; only the fraction is rounded. Nullopt: the result is over `limit`.
std::optional<uint64_t> Scaled(const Quantity& q, uint64_t factor, uint64_t limit) {
  if (q.whole > limit / factor) return std::nullopt;
  const uint64_t whole = q.whole * factor;
  const auto part = static_cast<uint64_t>(std::llround(q.fraction * static_cast<double>(factor)));
  if (part > limit - whole) return std::nullopt;
  return whole + part;
}

Status NotA(std::string_view text, std::string_view kind, std::string_view why) {
  return Status(Code::kInvalid, Concat("\"", text, "\" is not a ", kind, ": ", why));
}

constexpr std::string_view kSizeExample = "write for example 64k, 512MB or 1GiB";
constexpr std::string_view kDurationExample = "write for example 500ms, 10min, 1h or 2d";

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  const std::optional<Quantity> q = SplitQuantity(Trimmed(text));
  if (!q) return NotA(text, "size", kSizeExample);
  const std::optional<uint64_t> factor = FactorOf(kSizeUnits, q->unit);
  if (!factor) return NotA(text, "size", Concat("unknown unit; ", kSizeExample));
  const std::optional<uint64_t> bytes = Scaled(*q, *factor, INT64_MAX);
  if (!bytes) return NotA(text, "size", "too large");
  return *bytes;
}

Result<Nanos> ParseDuration(std::string_view text) {
  const std::string_view trimmed = Trimmed(text);
  if (trimmed == "0") return Nanos(0);
  if (trimmed == "-1" || Lower(trimmed) == "never") return kForever;
  const std::optional<Quantity> q = SplitQuantity(trimmed);
  if (!q) return NotA(text, "duration", kDurationExample);
  if (q->unit.empty()) {
    return NotA(text, "duration", Concat("the unit is missing; ", kDurationExample));
  }
  const std::optional<uint64_t> factor = FactorOf(kDurationUnits, q->unit);
  if (!factor) return NotA(text, "duration", Concat("unknown unit; ", kDurationExample));
  const std::optional<uint64_t> nanos =
      Scaled(*q, *factor, static_cast<uint64_t>(kForever.count()));
  if (!nanos) return NotA(text, "duration", "longer than a century; write never");
  return Nanos(static_cast<int64_t>(*nanos));
}

}  // namespace tarn
