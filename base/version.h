#pragma once

namespace tarn {

extern const char* const kVersion;  // "0.1.0", from CMakeLists.txt.

}  // namespace tarn
