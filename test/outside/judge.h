#pragma once

// The claims that must hold after a run. Pure.

#include <string>
#include <vector>

#include "outside/run.h"

namespace tarn::outside {

enum class Fault {
  kMixed,       // A file has bytes of two versions.
  kTheirsGone,  // An object of the other program is gone or changed, and nothing allows that.
  kTheirsSet,   // It has other attributes.
  kOursGone,    // Bytes that the application was told are safe are nowhere.
  kWaits,       // Something is not persisted and nothing says why.
  kWrongError,  // A reader gets another error than EIO.
  kUnseen,      // The mount does not show an object of the source.
  kDiffers,     // The mount shows other bytes than the source has, as if they were persisted.
  kLeftBehind,  // An upload is left in the source.
};
const char* NameOf(Fault fault);

struct Violation {
  Fault fault;
  std::string text;
};

std::vector<Violation> Judge(const Case& one, const Ending& ending);

}  // namespace tarn::outside
