#pragma once

// Operations on a tree while it is persisted, and the tree that they must give. For tests.

#include <functional>
#include <ostream>
#include <vector>

#include "meta/testing/rig.h"

namespace tarn::meta {

struct Scenario {
  const char* name;
  Tree before;  // In the UFS.
  std::function<void(Rig&)> run;
  Tree after;                     // Here, and in the UFS.
  bool needs_attributes = false;  // Symlinks.
};
void PrintTo(const Scenario& scenario, std::ostream* out);

std::vector<Scenario> Scenarios();

}  // namespace tarn::meta
