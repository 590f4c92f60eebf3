//! Events: what the kubelet tells whoever runs `kubectl describe`.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use super::{ObjectMeta, ObjectReference};
use crate::Time;
use crate::value::objects;

objects! {
    /// Something that happened to an object, once or several times.
    Event "Event" top "v1" "Event" {
        metadata: ObjectMeta = "metadata" as "v1.ObjectMeta";
        involved_object: ObjectReference = "involvedObject";
        reason: String = "reason";
        message: String = "message";
        source: EventSource = "source";
        first_timestamp: Time = "firstTimestamp", always;
        last_timestamp: Time = "lastTimestamp", always;
        count: i32 = "count";
        type_: String = "type";
        event_time: Time = "eventTime", always;
        series: Option<EventSeries> = "series";
        action: String = "action";
        related: Option<Box<ObjectReference>> = "related";
        reporting_component: String = "reportingComponent", always;
        reporting_instance: String = "reportingInstance", always;
    }

    /// The component that an event comes from.
    EventSource "EventSource" {
        component: String = "component";
        host: String = "host";
    }

    /// How often an event has come again.
    EventSeries "EventSeries" {
        count: i32 = "count";
        last_observed_time: Time = "lastObservedTime";
    }
}
