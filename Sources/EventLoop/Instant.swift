private import Glibc

/// A point on the machine's monotonic clock. Cores get it passed in and never read the clock.
public struct Instant: Hashable, Comparable, Sendable {
  /// Nanoseconds since an arbitrary moment before the process started.
  public var nanoseconds: UInt64

  /// A point `nanoseconds` after the clock's zero; tests make their own time with it.
  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  /// The clock's present reading; about 20 ns. On a loop, `Loop.now` is cheaper.
  public static var now: Instant {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// Seconds from `earlier` to here, negative if it is later.
  public func seconds(since earlier: Instant) -> Double {
    Double(Int64(bitPattern: nanoseconds &- earlier.nanoseconds)) / 1e9
  }

  /// Order in time.
  public static func < (one: Instant, other: Instant) -> Bool { one.nanoseconds < other.nanoseconds }

  /// The instant `seconds` later.
  public static func + (instant: Instant, seconds: Double) -> Instant {
    Instant(nanoseconds: instant.nanoseconds &+ UInt64(bitPattern: Int64(seconds * 1e9)))
  }
}
