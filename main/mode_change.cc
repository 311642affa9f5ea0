#include "main/mode_change.h"

#include <algorithm>

#include "base/strings.h"

namespace tarn {
namespace {

constexpr uint32_t kAll = 07777;
constexpr uint32_t kUser = 04700;
constexpr uint32_t kGroup = 02070;
constexpr uint32_t kOther = 01007;
constexpr uint32_t kSetIds = 06000;

Status NoMode(std::string_view text) {
  return Status(Code::kInvalid, Concat("\"", text, "\" is not a mode; examples are 755 and u+x"));
}

bool IsOctal(std::string_view text) {
  return !text.empty() && text.size() <= 4 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

uint32_t OctalValue(std::string_view text) {
  uint32_t value = 0;
  for (const char c : text) value = value * 8 + static_cast<uint32_t>(c - '0');
  return value;
}

// The bits that 'u', 'g', 'o' or 'a' may change; 0 for another letter.
uint32_t WhoBits(char letter) {
  switch (letter) {
    case 'u':
      return kUser;
    case 'g':
      return kGroup;
    case 'o':
      return kOther;
    case 'a':
      return kAll;
    default:
      return 0;
  }
}

// The bits of 'r', 'w', 'x', 's' or 't' for all; 0 for another letter.
uint32_t PermissionBits(char letter) {
  switch (letter) {
    case 'r':
      return 0444;
    case 'w':
      return 0222;
    case 'x':
      return 0111;
    case 's':
      return kSetIds;
    case 't':
      return 01000;
    default:
      return 0;
  }
}

// The permissions that one of u, g and o has, given to all of them.
uint32_t CopiedBits(char from, uint32_t mode) {
  const uint32_t bits = (from == 'u' ? mode >> 6 : from == 'g' ? mode >> 3 : mode) & 7;
  return bits << 6 | bits << 3 | bits;
}

bool IsSign(char c) { return c == '+' || c == '-' || c == '='; }

}  // namespace

Result<ModeChange> ModeChange::Parse(std::string_view text, uint32_t umask) {
  ModeChange change;
  if (IsOctal(text)) {
    change.steps_.push_back({.who = kAll, .bits = OctalValue(text), .whole_mode = true});
    return change;
  }
  for (std::string_view rest = text;;) {
    const size_t comma = std::min(rest.find(','), rest.size());
    if (!ParseClause(rest.substr(0, comma), umask, change.steps_).ok()) return NoMode(text);
    if (comma == rest.size()) return change;
    rest.remove_prefix(comma + 1);
  }
}

Status ModeChange::ParseClause(std::string_view clause, uint32_t umask, std::vector<Step>& steps) {
  uint32_t who = 0;
  size_t at = 0;
  while (at < clause.size() && WhoBits(clause[at]) != 0) who |= WhoBits(clause[at++]);
  if (at == 0) who = kAll & ~(umask & 0777);
  if (at == clause.size()) return NoMode(clause);
  while (at < clause.size()) {
    ASSIGN_OR_RETURN(Step step, ParseStep(clause, &at, who));
    steps.push_back(step);
  }
  return OkStatus();
}

Result<ModeChange::Step> ModeChange::ParseStep(std::string_view text, size_t* at, uint32_t who) {
  Step step = {.who = who, .sign = text[*at]};
  if (!IsSign(step.sign)) return NoMode(text);
  const size_t first = ++*at;
  for (; *at < text.size() && !IsSign(text[*at]); ++*at) {
    const char letter = text[*at];
    const bool copies = letter == 'u' || letter == 'g' || letter == 'o';
    if (copies ? *at != first : step.copied != 0) return NoMode(text);
    if (copies) {
      step.copied = letter;
    } else if (letter == 'X') {
      step.execute_if_executable = true;
    } else if (PermissionBits(letter) != 0) {
      step.bits |= PermissionBits(letter);
    } else {
      return NoMode(text);
    }
  }
  return step;
}

uint32_t ModeChange::ApplyStep(const Step& step, uint32_t mode, Kind kind) {
  uint32_t bits = step.bits;
  if (step.copied != 0) bits = CopiedBits(step.copied, mode);
  if (step.execute_if_executable && (kind == Kind::kDirectory || (mode & 0111) != 0)) bits |= 0111;
  bits &= step.who;
  if (step.sign == '+') return mode | bits;
  if (step.sign == '-') return mode & ~bits;
  // In chmod(1), too, "=" without "s" leaves a directory the bits that its new entries inherit.
  const bool keeps = kind == Kind::kDirectory && !step.whole_mode;
  return (mode & ~(keeps ? step.who & ~kSetIds : step.who)) | bits;
}

uint32_t ModeChange::Apply(uint32_t mode, Kind kind) const {
  mode &= kAll;
  for (const Step& step : steps_) mode = ApplyStep(step, mode, kind);
  return mode;
}

}  // namespace tarn
