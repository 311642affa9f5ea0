#pragma once

// Tells whether two sources overlap: one is the other, or holds it.

#include <string>

#include "base/status.h"
#include "node/mount_checks.h"

namespace tarn {

// Compares two identities (ufs::UnderFileSystem::SourceIdentity), as far as they can tell.
bool IdentitiesOverlap(const std::string& one, const std::string& other);
// kInvalid, naming `other` and its path: the two overlap.
Status CheckApart(const Source& source, const Source& other, const std::string& other_path);

}  // namespace tarn
