#pragma once

// Modes as users write them for chmod(1). Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace tarn {

// A change of a mode: a new one, or steps such as "u+x" that depend on the old one.
class ModeChange {
 public:
  enum class Kind { kFile, kDirectory };

  // "755", "u+x", "go-w", "a=rX", "u=rwx,g=u,o=". Where no one of u, g, o and a is named, all are
  // meant, without the bits of `umask`. kInvalid: no such mode.
  static Result<ModeChange> Parse(std::string_view text, uint32_t umask);
  // The new twelve bits. "X" is execution of a directory, or of a file that one may execute
  // already.
  uint32_t Apply(uint32_t mode, Kind kind) const;

 private:
  struct Step {
    uint32_t who = 0;  // The bits that the step may change.
    char sign = '=';
    uint32_t bits = 0;  // For all of u, g and o; `who` chooses.
    bool execute_if_executable = false;
    char copied = 0;          // 'u', 'g' or 'o': the bits are those of that one now.
    bool whole_mode = false;  // Written in octal: replaces what "=" would keep, too.
  };
  static Result<Step> ParseStep(std::string_view text, size_t* at, uint32_t who);
  static Status ParseClause(std::string_view clause, uint32_t umask, std::vector<Step>& steps);
  static uint32_t ApplyStep(const Step& step, uint32_t mode, Kind kind);

  std::vector<Step> steps_;
};

}  // namespace tarn
