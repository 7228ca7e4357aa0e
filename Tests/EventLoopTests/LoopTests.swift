import Addresses
import EventLoop
import Synchronization
import Testing

/// A thread-safe list that tests wait on.
final class Journal: Sendable {
  private let entries = Mutex<[String]>([])
  func add(_ entry: String) { entries.withLock { $0.append(entry) } }
  var all: [String] { entries.withLock { $0 } }
}

/// Runs `body` with a loop that is stopped and joined afterwards.
func withLoop(_ body: (Loop) async throws -> Void) async rethrows {
  let loop = Loop(name: "test")
  try await body(loop)
  loop.stop()
  loop.join()
}

final class TimerState {
  var count = 0
  var timer: LoopTimer?
}

@Suite(.timeLimit(.minutes(1))) struct LoopTests {
  @Test func postedWorkRunsInOrder() async {
    await withLoop { loop in
      let journal = Journal()
      for number in 0..<100 { loop.post { _ in journal.add("\(number)") } }
      await loop.perform { _ in }
      let last = await withCheckedContinuation { done in
        loop.post { _ in done.resume(returning: journal.all) }
      }
      #expect(last == (0..<100).map(String.init))
    }
  }

  @Test func performReturnsWhatTheBodyReturns() async {
    await withLoop { loop in
      let sum = await loop.perform { _ in 40 + 2 }
      #expect(sum == 42)
    }
  }

  @Test func confinedValuesComeOutOnTheirLoop() async {
    final class Counter { var value = 0 }
    await withLoop { loop in
      let counter = await loop.perform { loop in Confined(Counter(), on: loop) }
      for _ in 0..<10 { await loop.perform { loop in counter.value(on: loop).value += 1 } }
      let value = await loop.perform { loop in counter.value(on: loop).value }
      #expect(value == 10)
    }
  }

  @Test func timersFireOnceInOrderOfTheirTime() async {
    await withLoop { loop in
      let journal = Journal()
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in
          let late = loop.timer { _ in
            journal.add("late")
            done.resume()
          }
          let early = loop.timer { _ in journal.add("early") }
          let never = loop.timer { _ in journal.add("never") }
          late.set(after: 0.03)
          early.set(after: 0.01)
          never.set(after: 0.02)
          never.cancel()
        }
      }
      #expect(journal.all == ["early", "late"])
    }
  }

  @Test func repeatingTimersRepeatUntilClosed() async {
    await withLoop { loop in
      let count = await withCheckedContinuation { (done: CheckedContinuation<Int, Never>) in
        loop.post { loop in
          let state = Confined(TimerState(), on: loop)
          let timer = loop.timer { loop in
            let state = state.value(on: loop)
            state.count += 1
            guard state.count == 3 else { return }
            state.timer?.close()
            state.timer = nil
            done.resume(returning: state.count)
          }
          timer.set(every: 0.002)
          state.value(on: loop).timer = timer
        }
      }
      #expect(count == 3)
    }
  }

  @Test func deferredWorkRunsAfterTheEventsOfTheWakeUp() async {
    final class Late: DeferredWork {
      let journal: Journal
      let done: CheckedContinuation<Void, Never>
      init(_ journal: Journal, _ done: CheckedContinuation<Void, Never>) {
        self.journal = journal
        self.done = done
      }
      func endOfWakeUp(on loop: isolated Loop) {
        journal.add("deferred")
        done.resume()
      }
    }
    await withLoop { loop in
      let journal = Journal()
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        loop.post { loop in
          loop.atEndOfWakeUp(Late(journal, done))
          journal.add("event")
        }
      }
      #expect(journal.all == ["event", "deferred"])
    }
  }

  @Test func stoppingTwiceIsHarmlessAndLateWorkIsDropped() async {
    let loop = Loop(name: "test")
    loop.stop()
    loop.stop()
    loop.join()
    loop.post { _ in Issue.record("ran after the end") }
  }
}

@Suite(.timeLimit(.minutes(1))) struct SocketTests {
  final class Echo: ReadinessHandler {
    let descriptor: Int32
    let accepted: (Endpoint) -> Void
    var watcher: SocketWatcher?
    init(_ descriptor: Int32, accepted: @escaping (Endpoint) -> Void) {
      self.descriptor = descriptor
      self.accepted = accepted
    }
    func ready(_ events: Readiness, on loop: isolated Loop) {
      guard let (peer, remote) = TCP.accept(descriptor) else { return }
      TCP.close(peer)
      watcher?.close()
      accepted(remote)
    }
  }

  @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
  func listenersAcceptAndTellWhoCame(_ address: String) async throws {
    let endpoint = try #require(Endpoint(address))
    let (listener, bound) = try TCP.listen(on: endpoint)
    #expect(bound.address == endpoint.address)
    #expect(bound.port != 0)
    try await withLoop { loop in
      let client = try TCP.connect(to: bound, from: endpoint.address)
      let local = try #require(TCP.local(client))
      let remote = await withCheckedContinuation { (done: CheckedContinuation<Endpoint, Never>) in
        loop.post { loop in
          let echo = Echo(listener) { done.resume(returning: $0) }
          echo.watcher = loop.watcher(listener, echo)
          echo.watcher?.watch(for: .readable)
        }
      }
      #expect(remote == local)
      TCP.close(client)
    }
    TCP.close(listener)
  }

  @Test func aTakenPortIsReported() throws {
    let (listener, bound) = try TCP.listen(on: Endpoint(.loopbackV4, port: 0))
    defer { TCP.close(listener) }
    let error = #expect(throws: SocketError.self) { try TCP.listen(on: bound) }
    #expect(error?.description == "cannot listen on \(bound): Address already in use")
  }
}
