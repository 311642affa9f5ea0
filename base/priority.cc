#include "base/priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

namespace tarn {

void GiveWay() {
  constexpr int kNiceness = 5;
  if (setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNiceness) != 0) {
    LogWarning("background threads run at normal priority");
  }
}

}  // namespace tarn
