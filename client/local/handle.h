#pragma once

// The state of an open file. Internal to client/.

#include "client/opener.h"
#include "host/open_table.h"
#include "host/pages.h"

namespace tarn::client {

struct Handle {
  host::OpenInodePtr inode;  // With a hold on it. Null: abandoned.
  bool writes = false;
  IoMode mode = IoMode::kDirect;
  host::Reading reading;
};

}  // namespace tarn::client
