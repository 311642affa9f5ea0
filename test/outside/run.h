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

// The versions that the other program has put into the source.
struct Theirs {
  std::string key;
  Seen seen;
};

struct Ending {
  std::vector<std::string> calls;   // The calls of the source until all was settled.
  int steps = 0;                    // The steps of the worker.
  bool acted = false;               // The other program found something to do.
  std::set<std::string> persisted;  // The operation's files that the source had at that time.
  std::vector<Theirs> theirs;
  Status done;  // The application's result.
  std::map<std::string, Name> before_look;
  std::map<std::string, Name> names;  // After the source was looked at again.
  std::vector<role::QueueEntry> queue;
  Objects objects;
  std::string log;
};

Ending Run(const Case& one);
// Sends the log of the process to a file that Run reads.
void StartLogForRuns();

}  // namespace tarn::outside
