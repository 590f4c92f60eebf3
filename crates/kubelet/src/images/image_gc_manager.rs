//! Image garbage collection: images that nobody uses go when the disk for images gets full.
//!
//! Upstream: `pkg/kubelet/images/image_gc_manager.go`.

use crate::events::Warning;
use crate::kubelet::Inner;
use cri::{
    Image, ImageFsInfoRequest, ImageSpec, ListContainersRequest, ListImagesRequest,
    RemoveImageRequest,
};
use sim::Ctx;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use trace::Time;

/// How often it is looked at (`ImageGCPeriod`).
const PERIOD: Duration = Duration::from_secs(5 * 60);
/// From so many percent of the disk on images are removed, down to so many.
const HIGH_THRESHOLD_PERCENT: u64 = 85;
const LOW_THRESHOLD_PERCENT: u64 = 80;
/// An image that was first seen a shorter time ago stays.
const MIN_AGE: Duration = Duration::from_secs(2 * 60);

/// Since when each image has been known, and when it was last seen in use, by id.
#[derive(Default)]
pub(crate) struct ImageGcManager {
    scheduled: Cell<bool>,
    records: RefCell<BTreeMap<String, Record>>,
}

#[derive(Clone, Copy)]
struct Record {
    first_detected: Time,
    last_used: Time,
}

impl Inner {
    /// Finds out which images there are, and since when.
    pub(crate) fn start_image_gc(self: &Rc<Self>) {
        if self.config.image_fs_bytes.is_none() {
            return;
        }
        let this = self.clone();
        self.spawn(async move {
            // What cannot be listed now is found at the first tick.
            let _ = this.detect_images(&this.sim.ctx()).await;
            this.schedule_image_gc();
        });
    }

    /// Looks at the next tick, since images or their users have changed.
    pub(crate) fn schedule_image_gc(self: &Rc<Self>) {
        if self.config.image_fs_bytes.is_none() || self.image_gc.scheduled.replace(true) {
            return;
        }
        let tick = self.next_tick(PERIOD, Duration::ZERO);
        let this = self.clone();
        self.spawn(async move {
            this.sim.sleep_until(tick).await;
            this.image_gc.scheduled.set(false);
            let freed = this.collect_images(&this.sim.ctx()).await;
            if !freed.unwrap_or(false) {
                this.schedule_image_gc();
            }
        });
    }

    /// Upstream: `GarbageCollect`. False if it is worth another look though nothing changes.
    async fn collect_images(self: &Rc<Self>, ctx: &Ctx) -> Result<bool, cri::Status> {
        let unused = self.detect_images(ctx).await?;
        let info = self.cri.call(ctx, ImageFsInfoRequest {}).await?;
        let used = info.image_filesystems.first().and_then(|usage| usage.used_bytes);
        let used = used.map_or(0, |used| used.value);
        let capacity = self.config.image_fs_bytes.unwrap_or(u64::MAX);
        let percent = |percent| capacity / 100 * percent;
        if used < percent(HIGH_THRESHOLD_PERCENT) {
            return Ok(true);
        }
        let wanted = used - percent(LOW_THRESHOLD_PERCENT).min(used);
        let freed = self.free_space(ctx, wanted, unused).await;
        if freed < wanted {
            let text = format!(
                "Failed to garbage collect required amount of images. Attempted to free {wanted} \
                 bytes, but only found {freed} bytes eligible to free."
            );
            self.node_event(ctx, Warning, "FreeDiskSpaceFailed", &text);
        }
        Ok(freed >= wanted)
    }

    /// Brings the records up to date, and gives the images that no container uses, the one that was
    /// used the longest time ago first.
    async fn detect_images(&self, ctx: &Ctx) -> Result<Vec<Image>, cri::Status> {
        let images = self.cri.call(ctx, ListImagesRequest { filter: None }).await?.images;
        let containers = self.cri.call(ctx, ListContainersRequest { filter: None }).await?;
        let in_use: BTreeSet<String> =
            containers.containers.into_iter().map(|container| container.image_id).collect();
        let now = self.sim.now();
        let mut records = self.image_gc.records.borrow_mut();
        let present: BTreeSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
        records.retain(|id, _| present.contains(id.as_str()));
        for image in &images {
            let fresh = Record { first_detected: now, last_used: Time::ZERO };
            let record = records.entry(image.id.clone()).or_insert(fresh);
            if in_use.contains(&image.id) {
                record.last_used = now;
            }
        }
        let mut unused: Vec<Image> =
            images.into_iter().filter(|it| !it.pinned && !in_use.contains(&it.id)).collect();
        unused.sort_by_key(|image| {
            records.get(&image.id).map(|record| (record.last_used, record.first_detected))
        });
        Ok(unused)
    }

    /// Removes images until so many bytes are free; how many are.
    async fn free_space(&self, ctx: &Ctx, wanted: u64, unused: Vec<Image>) -> u64 {
        let mut freed = 0;
        for image in unused {
            let record = self.image_gc.records.borrow().get(&image.id).copied();
            let old = record.is_some_and(|it| self.sim.now().since(it.first_detected) >= MIN_AGE);
            if freed >= wanted || !old {
                continue;
            }
            let size = image.size;
            let spec = ImageSpec { image: image.id, ..ImageSpec::default() };
            let request = RemoveImageRequest { image: Some(spec) };
            if self.cri.call(ctx, request).await.is_ok() {
                freed += size;
            }
        }
        freed
    }
}
