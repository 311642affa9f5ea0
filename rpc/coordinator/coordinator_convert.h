#pragma once

// Between the values of role/coordinator_control.h and their messages. The caller includes the
// generated code.

#include "role/coordinator_control.h"
#include "rpc/socket/totals_convert.h"

namespace tarn::control {
class ListReply;
class PathInfo;
class QueueEntry;
class QueueReply;
class UfsMountInfo;
class UfsMountRequest;
}  // namespace tarn::control

namespace tarn::rpc {

void ToWire(const role::PathInfo& from, control::PathInfo* to);
void ToWire(const role::CoordinatorControl::ListReply& from, control::ListReply* to);
void ToWire(const role::QueueEntry& from, control::QueueEntry* to);
void ToWire(const role::QueuePage& from, control::QueueReply* to);
void ToWire(const role::UfsMountInfo& from, control::UfsMountInfo* to);
void ToWire(const role::UfsMountRequest& from, control::UfsMountRequest* to);

role::PathInfo FromWire(const control::PathInfo& from);
role::CoordinatorControl::ListReply FromWire(const control::ListReply& from);
role::QueueEntry FromWire(const control::QueueEntry& from);
role::QueuePage FromWire(const control::QueueReply& from);
role::UfsMountInfo FromWire(const control::UfsMountInfo& from);
role::UfsMountRequest FromWire(const control::UfsMountRequest& from);

}  // namespace tarn::rpc
