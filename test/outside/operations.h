#pragma once

// The operations of an application in the mount, and the actions of another program in the source
// meanwhile. Data.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "outside/mounted.h"
#include "outside/place.h"

namespace tarn::outside {

struct Operation {
  const char* name;
  std::map<std::string, std::string> before;  // The source, before it is mounted.
  std::vector<const char*> victims;           // The keys that the other program acts on.
  std::function<Status(Mounted&)> run;
  // The files of the mount afterwards, where the other program does nothing.
  std::map<std::string, std::string> after = {};
  // Keys whose files the operation writes without regard to their bytes before: it makes them, cuts
  // them to nothing or renames over them. Its version replaces one of another program, and the log
  // says so.
  std::vector<std::string> overwrites = {};
  // Versions that its files may have before it ends.
  std::vector<std::string> between = {};
  const char* reads_first = nullptr;  // A file whose first page is cached before it begins.
  bool directories = false;           // Only where the store has directories.
  bool moves = false;                 // An object at the old name may move to the new one.
  bool goes_on = false;               // It needs its descriptor after a step of the worker.
};

const std::vector<Operation>& DataOperations();  // data_operations.cc
const std::vector<Operation>& NameOperations();  // name_operations.cc

enum class Action {
  kReplace,       // By a longer version.
  kShorten,       // By a shorter version.
  kSameSize,      // By another version of the same size.
  kInPlace,       // Its own bytes are written over; only where the store has such a thing.
  kRemove,        // Nothing is there any more.
  kDirectory,     // A directory with a file takes its place.
  kRemoveAndMake  // Removed, and made again with another version of the same size.
};
inline constexpr Action kActions[] = {Action::kReplace,      Action::kShorten, Action::kSameSize,
                                      Action::kInPlace,      Action::kRemove,  Action::kDirectory,
                                      Action::kRemoveAndMake};
const char* NameOf(Action action);

}  // namespace tarn::outside
