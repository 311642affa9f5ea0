#pragma once

// Programs that look at the attributes of one name look at those of the next ones: after a few that
// are near each other in one directory, the next ones are asked for at the same time, ahead of the
// program. Thread-safe.

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
