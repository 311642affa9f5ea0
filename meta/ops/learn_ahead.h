#pragma once

// A program that reads the attributes of one name often reads those of the next ones. After a few
// reads near each other in one directory, this asks the UFS for the next attributes, several at a
// time, ahead of the program. Thread-safe.

#include <memory>

#include "meta/ops/operation.h"

namespace tarn::meta {

class LearnAhead {
 public:
  virtual ~LearnAhead() = default;  // Waits for the requests under way.
  // Call it when the source was asked for the attributes of `ino`.
  virtual void Note(InodeId ino) = 0;
};

// `env` outlives it.
std::unique_ptr<LearnAhead> NewLearnAhead(const Env& env);

}  // namespace tarn::meta
