import Addresses
import Bencode
import Bytes
public import Digest
import EventLoop
import MainlineDHT
import Synchronization

// Torrents that their publisher can replace: a mutable item names the present one (BEP 46).
extension DHTHandle {
  /// The torrent that a publisher's key (and salt) leads to now, with the number of that version; `nil` if
  /// nothing is stored there.
  public func torrent(of key: [UInt8], salt: [UInt8] = []) async -> (infoHash: InfoHash, sequence: Int64)? {
    guard let item = await mutableItem(key, salt), let infoHash = Self.infoHash(item) else { return nil }
    return (infoHash, item.sequence)
  }

  /// The torrents that a key leads to, one after the other: looks again every `seconds`, and stores what it
  /// finds anew, so that it stays while somebody follows. Ends with the task that reads it.
  public func torrents(
    of key: [UInt8], salt: [UInt8] = [], every seconds: Double = 3600
  ) -> AsyncStream<InfoHash> {
    AsyncStream { stream in
      let task = Task {
        var last: Int64?
        while !Task.isCancelled {
          if let item = await mutableItem(key, salt), let infoHash = Self.infoHash(item) {
            if last.map({ item.sequence > $0 }) ?? true {
              last = item.sequence
              stream.yield(infoHash)
            }
            _ = await put(.mutable(item))
          }
          await pause(seconds)
        }
        stream.finish()
      }
      stream.onTermination = { _ in task.cancel() }
    }
  }

  private func mutableItem(_ key: [UInt8], _ salt: [UInt8]) async -> MutableItem? {
    let report = await item(at: MutableItem.target(key: key, salt: salt), salt: salt)
    guard case .mutable(let item)? = report.item else { return nil }
    return item
  }

  private static func infoHash(_ item: MutableItem) -> InfoHash? {
    let root = try? BencodeDocument(item.value, options: .lenient).root
    return root?["ih"]?.string.flatMap { InfoHash($0) }
  }

  /// Waits by the loop's clock; ends early with the task.
  private func pause(_ seconds: Double) async {
    let pause = Pause()
    let service = service
    await withTaskCancellationHandler {
      await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
        guard pause.begin(done) else { return }
        service.loop.post { loop in
          let timer = loop.timer { _ in pause.end() }
          timer.set(after: seconds)
          pause.keep(Confined(timer, on: loop))
        }
      }
    } onCancel: {
      pause.end()
    }
  }
}

/// A wait that a timer or a cancellation ends, whichever comes first.
private final class Pause: Sendable {
  private struct State {
    var waiting: CheckedContinuation<Void, Never>?
    var timer: Confined<LoopTimer>?
    var isOver = false
  }

  private let state = Mutex(State())

  /// False, and resumed, if it is over before it has begun.
  func begin(_ continuation: CheckedContinuation<Void, Never>) -> Bool {
    let isOver = state.withLock { state in
      if !state.isOver { state.waiting = continuation }
      return state.isOver
    }
    if isOver { continuation.resume() }
    return !isOver
  }

  func keep(_ timer: Confined<LoopTimer>) {
    let isOver = state.withLock { state in
      state.timer = timer
      return state.isOver
    }
    if isOver { Self.close(timer) }
  }

  func end() {
    let (waiting, timer) = state.withLock { state in
      state.isOver = true
      return (state.waiting.take(), state.timer.take())
    }
    if let timer { Self.close(timer) }
    waiting?.resume()
  }

  private static func close(_ timer: Confined<LoopTimer>) {
    timer.loop.post { loop in timer.value(on: loop).close() }
  }
}
