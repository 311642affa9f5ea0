#pragma once

// Learns attributes ahead of a program. A program that stats one name usually stats the next ones.
// After a few names that are near each other in a directory, the source is asked for the next ones
// at the same time. Thread-safe.

#include <memory>

#include "meta/ops/operation.h"

namespace tarn::meta {

class LearnAhead {
 public:
  virtual ~LearnAhead() = default;  // Waits for the requests under way.
  // The source was asked for the attributes of `ino`.
  virtual void Note(InodeId ino) = 0;
};

// `env` outlives it.
std::unique_ptr<LearnAhead> NewLearnAhead(const Env& env);

}  // namespace tarn::meta
