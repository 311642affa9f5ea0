#include "base/current_request.h"

#include <utility>

namespace tarn {
namespace {

thread_local ServedRequest* current = nullptr;

}  // namespace

ServingRequest::ServingRequest(ServedRequest& request) : outer_(std::exchange(current, &request)) {}

ServingRequest::~ServingRequest() { current = outer_; }

std::stop_token StopOfRequest() { return current == nullptr ? std::stop_token() : current->Stop(); }

}  // namespace tarn
