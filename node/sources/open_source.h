#pragma once

// From a source, as a user names it, to the under file system that it is.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "node/source_options.h"
#include "ufs/skipped_keys.h"
#include "ufs/under_file_system.h"

namespace tarn {

struct OpenSourceOptions {
  std::string state_directory;  // Where what must survive us is remembered.
  bool read_only = false;
  std::string journal_name = "s3-uploads";  // Of the file there; one a source.
  ufs::SkippedKeys* skipped = nullptr;      // As ufs::s3::S3Options has it.
};

// The store is asked: kNotFound, kPermission, kUnavailable; kInvalid: properties that make no
// sense. `clock` outlives the store.
Result<std::unique_ptr<ufs::UnderFileSystem>> OpenSource(const Source& source,
                                                         const Properties& properties,
                                                         const OpenSourceOptions& options,
                                                         Clock& clock,
                                                         const ufs::CallOptions& call);

// How long a source that nobody mounted before has to answer.
Nanos MountTimeout(const Properties& properties);
// The failure, with what decided how long was waited for an answer.
Status NotInTime(const Status& failure, const Properties& properties);

// What the store of the source can hold, as far as that is known without asking it.
ufs::UfsTraits ExpectedTraits(const Source& source, const Properties& base,
                              const SourceOptions& options);

}  // namespace tarn
