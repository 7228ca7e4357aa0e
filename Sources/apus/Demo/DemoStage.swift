import Glibc
import Synchronization

/// What the demo puts on the machine, a folder and processes, so that it can be taken off again at any
/// moment and from any thread.
final class DemoStage: Sendable {
  private struct State {
    var players: [DemoPlayer] = []
    var isCleared = false
  }

  /// The folder that everything is in.
  let folder: String
  private let state = Mutex(State())

  /// Makes a folder with a name of its own in `parent`.
  init(in parent: String) throws(Failure) {
    var template = Array("\(parent)/apus-demo-XXXXXX".utf8CString)
    let made = unsafe mkdtemp(&template) != nil
    guard made else { throw FileSystem.failure("cannot make a folder in", parent) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Starts a process.
  func start(_ name: String, _ arguments: [String]) throws(Failure) -> DemoPlayer {
    let player = try DemoPlayer(name, arguments)
    let isLate = state.withLock { state in
      if !state.isCleared { state.players.append(player) }
      return state.isCleared
    }
    guard !isLate else {
      player.end()
      throw Failure("the demo has been ended")
    }
    return player
  }

  /// Ends the processes and removes the folder. Idempotent.
  func clear() {
    let players = state.withLock { state in
      state.isCleared = true
      return state.players
    }
    for player in players { player.end() }
    // What this process is writing at this moment may come in between.
    for _ in 0..<10 {
      FileSystem.remove(folder)
      if case .nothing = FileSystem.kind(folder) { return }
    }
  }
}
