#include "base/version.h"

namespace tarn {

const char* const kVersion = TARN_VERSION;

}  // namespace tarn
