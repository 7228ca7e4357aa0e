import EventLoop

/// Things that have something to do later, sorted by the second: a timer wheel. Setting an alarm is O(1);
/// as time passes, one slot a second is looked at, whatever the number of alarms.
struct AlarmWheel<Element> {
  private struct Alarm {
    let element: Element
    let second: UInt64
  }

  private var slots: [[Alarm]]
  /// The first second that was not looked at.
  private var next: UInt64
  /// Alarms that are set.
  private(set) var count = 0

  /// A wheel without alarms. `slots` seconds are one turn; alarms further off stay for more turns.
  init(now: Instant, slots: Int = 512) {
    self.slots = Array(repeating: [], count: max(1, slots))
    next = Self.second(now)
  }

  /// Sets an alarm at `instant`, or soon if that is past. Alarms are not taken back: the caller compares
  /// the second that it got with the one that comes with the alarm.
  mutating func add(_ element: Element, at instant: Instant) -> UInt64 {
    let second = max(next, Self.second(instant) + 1)
    slots[Int(second % UInt64(slots.count))].append(Alarm(element: element, second: second))
    count += 1
    return second
  }

  /// Takes the alarms that are due at `now`.
  mutating func advance(to now: Instant) -> [(element: Element, second: UInt64)] {
    let last = Self.second(now)
    guard last >= next else { return [] }
    var due: [(element: Element, second: UInt64)] = []
    // After more than one turn, each slot is still looked at only once.
    for second in (last - min(last - next, UInt64(slots.count - 1)))...last {
      let slot = Int(second % UInt64(slots.count))
      guard !slots[slot].isEmpty else { continue }
      for alarm in slots[slot] where alarm.second <= last { due.append((alarm.element, alarm.second)) }
      slots[slot].removeAll { $0.second <= last }
    }
    next = last + 1
    count -= due.count
    return due
  }

  private static func second(_ instant: Instant) -> UInt64 { instant.nanoseconds / 1_000_000_000 }
}
