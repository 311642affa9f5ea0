#pragma once

// Changes of a tree while it is persisted, each with the expected result. For tests.

#include <functional>
#include <ostream>
#include <vector>

#include "meta/testing/rig.h"

namespace tarn::meta {

struct Scenario {
  const char* name;
  Tree before;  // The UFS before `run`.
  std::function<void(Rig&)> run;
  Tree after;                     // The namespace and the UFS at the end.
  bool needs_attributes = false;  // For symlinks.
};
void PrintTo(const Scenario& scenario, std::ostream* out);

std::vector<Scenario> Scenarios();

}  // namespace tarn::meta
