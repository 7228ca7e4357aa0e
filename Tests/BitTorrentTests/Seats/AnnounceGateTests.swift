import EventLoop
import Testing

@testable import BitTorrent

@Suite(.timeLimit(.minutes(1))) struct AnnounceGateTests {
  /// A gate and what it has let through, in order.
  private final class Record {
    let gate: AnnounceGate
    var begun: [Int] = []
    var tickets: [Int: AnnounceGate.Ticket] = [:]

    init(_ limits: AnnounceGate.Limits) { gate = AnnounceGate(limits) }

    func enter(_ number: Int, _ host: String = "a", isLast: Bool = false, on loop: isolated Loop) {
      let me = Confined(self, on: loop)
      tickets[number] = gate.enter("http://\(host)/announce", isLast: isLast, on: loop) { loop in
        me.value(on: loop).begun.append(number)
      }
    }

    func leave(_ number: Int, on loop: isolated Loop) {
      if let ticket = tickets[number] { gate.leave(ticket, on: loop) }
    }
  }

  private func onLoop(_ body: @Sendable (isolated Loop) -> Void) async {
    let loop = Loop(name: "test")
    await loop.perform(body)
    loop.stop()
    loop.join()
  }

  @Test func eachHostHasAFewAtATimeInTheirOrder() async {
    await onLoop { loop in
      let record = Record(AnnounceGate.Limits(concurrent: 2, burst: 100, perSecond: 1))
      for number in 0..<5 { record.enter(number, on: loop) }
      record.enter(10, "b", on: loop)
      #expect(record.begun == [0, 1, 10])
      record.leave(3, on: loop)
      record.leave(3, on: loop)
      #expect(record.gate.waiting == 2)
      record.leave(1, on: loop)
      record.leave(1, on: loop)
      #expect(record.begun == [0, 1, 10, 2])
      record.enter(20, isLast: true, on: loop)
      record.leave(0, on: loop)
      #expect(record.begun == [0, 1, 10, 2, 20])
      record.leave(2, on: loop)
      record.leave(20, on: loop)
      #expect(record.begun == [0, 1, 10, 2, 20, 4])
      record.leave(4, on: loop)
      #expect(record.gate.waiting == 0 && record.gate.running == 1 && record.gate.mostRunning == 3)
    }
  }

  @Test func afterABurstTheyComeAtARateButGoodbyesDoNotWait() async {
    await onLoop { loop in
      let record = Record(AnnounceGate.Limits(concurrent: 100, burst: 3, perSecond: 0.001))
      for number in 0..<10 { record.enter(number, on: loop) }
      record.gate.tick(on: loop)
      #expect(record.begun == [0, 1, 2])
      record.enter(20, isLast: true, on: loop)
      #expect(record.begun == [0, 1, 2, 20])
      for number in 0..<3 { record.leave(number, on: loop) }
      record.gate.tick(on: loop)
      #expect(record.begun.count == 4 && record.gate.waiting == 7)
    }
  }

  @Test func whatWaitsForTheRateComesWithTime() async throws {
    let loop = Loop(name: "test")
    let record = await loop.perform { loop in
      let record = Record(AnnounceGate.Limits(concurrent: 100, burst: 1, perSecond: 1000))
      for number in 0..<5 { record.enter(number, on: loop) }
      #expect(record.begun == [0])
      return Confined(record, on: loop)
    }
    var begun: [Int] = []
    while begun.count < 5 {
      try await Task.sleep(for: .milliseconds(2))
      begun = await loop.perform { loop in
        record.value(on: loop).gate.tick(on: loop)
        return record.value(on: loop).begun
      }
    }
    #expect(begun == Array(0..<5))
    loop.stop()
    loop.join()
  }

  @Test(arguments: [
    ("http://tracker.example:80/announce?x=/", "tracker.example:80"), ("https://[::1]:1/a", "[::1]:1"),
    ("http://host?x", "host"), ("nonsense", "nonsense"), ("", ""),
  ])
  func theHostIsTheAuthority(url: String, host: String) {
    #expect(AnnounceGate.host(of: url) == host)
  }
}
