import EventLoop

/// What several loops of a session share of its limits. Thread-safe.
final class SharedLimits: Sendable {
  /// The limits of one class of peers; see `RateClass`.
  final class Class: Sendable {
    let uploads: SharedBucket
    let requests: SharedBucket
    let arrivals: SharedBucket

    init(loops: Int) {
      uploads = SharedBucket(loops: loops)
      requests = SharedBucket(loops: loops)
      arrivals = SharedBucket(loops: loops, burstSeconds: 0.5, startsFull: true)
    }

    func set(_ limits: RateLimits, now: Instant) {
      uploads.setRate(limits.upload, now: now)
      requests.setRate(limits.download, now: now)
      arrivals.setRate(limits.download, now: now)
    }
  }

  let others: Class
  let local: Class

  init(_ configuration: SessionConfiguration, loops: Int) {
    others = Class(loops: loops)
    local = Class(loops: loops)
    others.set(
      RateLimits(download: configuration.downloadLimit, upload: configuration.uploadLimit), now: .now)
    if case .separately(let limits) = configuration.localPeers { local.set(limits, now: .now) }
  }
}
