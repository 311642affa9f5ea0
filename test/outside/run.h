#pragma once

// One run: an operation in a fresh mount, and one action of another program at one call of the
// source.

#include <set>
#include <string>
#include <vector>

#include "outside/operations.h"
#include "outside/place.h"
#include "outside/points.h"

namespace tarn::outside {

struct Case {
  Kind kind = Kind::kMemory;
  const Operation* operation = nullptr;
  std::string victim;
  Action action = Action::kReplace;
  Point point;
  Kill kill;
};

// What another program has put into the source.
struct Theirs {
  std::string key;
  Seen seen;
};

struct Ending {
  std::vector<std::string> calls;   // Of the source, up to when all was settled.
  int steps = 0;                    // Of the worker.
  bool acted = false;               // The other program found something to do.
  std::set<std::string> persisted;  // What of the operation's result the source had at that time.
  std::vector<Theirs> theirs;
  Status done;  // What the application was told.
  std::map<std::string, Name> before_look;
  std::map<std::string, Name> names;  // After the source was looked at again.
  std::vector<role::QueueEntry> queue;
  Objects objects;
  std::string log;
};

Ending Run(const Case& one);
// All that the process logs goes to a file that Run reads.
void StartLogForRuns();

}  // namespace tarn::outside
