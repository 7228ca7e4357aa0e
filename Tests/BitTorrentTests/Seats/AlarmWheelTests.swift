import EventLoop
import Testing

@testable import BitTorrent

@Suite struct AlarmWheelTests {
  private func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

  @Test(arguments: [1, 2, 7, 512])
  func everyAlarmComesOnceAndInItsSecond(slots: Int) {
    var random = SeededGenerator(seed: 7)
    var wheel = AlarmWheel<Int>(now: at(1000), slots: slots)
    var expected: [Int: UInt64] = [:]
    for number in 0..<500 {
      let wish = Double.random(in: 900...2500, using: &random)
      expected[number] = wheel.add(number, at: at(wish))
      #expect(Double(expected[number] ?? 0) > wish || wish < 1000)
      #expect(Double(expected[number] ?? 0) <= max(1000, wish + 1))
    }
    var now = 1000.0
    while now < 2600 {
      for alarm in wheel.advance(to: at(now)) {
        #expect(expected.removeValue(forKey: alarm.element) == alarm.second)
        #expect(Double(alarm.second) <= now)
      }
      // Nothing that was due is left.
      #expect(expected.values.allSatisfy { Double($0) > now.rounded(.down) })
      #expect(wheel.count == expected.count)
      // Now and then the clock jumps by more than a turn of the smaller wheels.
      now += Double.random(in: 0.1...(Int(now) % 10 == 0 ? 40 : 2), using: &random)
    }
    #expect(expected.isEmpty)
  }

  @Test func noTimeNoAlarms() {
    var wheel = AlarmWheel<Int>(now: at(5))
    _ = wheel.add(1, at: at(6))
    #expect(wheel.advance(to: at(5)).isEmpty)
    #expect(wheel.advance(to: at(5.9)).isEmpty)
    #expect(wheel.advance(to: at(7)).map(\.element) == [1])
    #expect(wheel.advance(to: at(600)).isEmpty)
  }
}
