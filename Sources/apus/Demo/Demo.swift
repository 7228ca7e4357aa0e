import ArgumentParsing
import Digest
import EventLoop
import Metainfo

/// `apus demo`: a folder travels from one seeder to three downloaders.
struct Demo: RunnableCommand {
  static let name = "demo"
  static let summary = "Watch a folder travel from one seeder to three downloaders."
  static let discussion = """
    Makes a folder of about 256 MiB and a hybrid torrent of it, starts a tracker, a seeder and three \
    downloaders as processes of their own on loopback, compares every byte and prints who got how much \
    from whom. Needs about 1.1 GiB in the temporary folder and leaves nothing behind.
    """
  static let stopsCleanly = true
  static let parameters: [Parameter<Self>] = [
    .option(
      \.folder, "--dir", "-d", value: "folder", help: "Where to make the temporary folder.",
      complete: .directories, environment: "TMPDIR")
  ]
  var folder = "/tmp"

  func run(_ scene: Scene) async throws(Failure) -> ExitStatus {
    let content = SampleContent.standard
    let needed = content.size * 4 + (64 << 20)
    if let free = FileSystem.freeSpace(folder), free < needed {
      throw Failure(
        "'\(folder)' has \(Figures.size(free)) free, the demo needs \(Figures.size(needed)); "
          + "choose another folder with --dir")
    }
    let stage = try DemoStage(in: folder)
    scene.interruption.beforeEndingAtOnce { stage.clear() }
    defer { stage.clear() }
    do throws(Failure) {
      try await DemoRun(scene, stage, content).run()
    } catch {
      if scene.interruption.isRaised { return scene.interruptedStatus }
      throw error
    }
    scene.console.settle()
    return scene.interruption.isRaised ? scene.interruptedStatus : .success
  }
}

/// The demo's acts, in order.
private struct DemoRun {
  private let scene: Scene
  private let stage: DemoStage
  private let content: SampleContent
  private let display: ProgressDisplay
  private static let limit = 60.0
  private static let downloaders = 3

  init(_ scene: Scene, _ stage: DemoStage, _ content: SampleContent) {
    self.scene = scene
    self.stage = stage
    self.content = content
    display = ProgressDisplay(scene.console, isOn: true)
  }

  private var console: Console { scene.console }
  private var goesOn: Bool { !scene.interruption.isRaised }
  private var original: String { stage.folder + "/seeder/swifts" }

  func run() async throws(Failure) {
    let start = Instant.now
    try makeContent()
    guard goesOn else { return }
    let tracker = try stage.start("tracker", ["tracker", "--listen", "127.0.0.1:0", "--interval", "10"])
    let address = try await awaitValue(of: tracker) { $0.address }
    let torrent = try makeTorrent(tracker: "http://\(address)/announce")
    guard goesOn else { return }
    let (seeder, downloaders) = try await startPeers(torrent)
    try await watch(seeder, downloaders)
    guard goesOn else { return }
    try compare(downloaders)
    guard goesOn else { return }
    console.write("\n" + DemoTable(seeder: seeder, downloaders: downloaders).text)
    console.line("\nAll of it in \(Figures.time(Instant.now.seconds(since: start))). Nothing is left behind.")
  }

  private func makeContent() throws(Failure) {
    let meter = PassMeter("writing files", on: display)
    let total = content.size
    try content.write(to: original) { done in
      meter.report(done, of: total)
      return goesOn
    }
    display.clear()
    guard goesOn else { return }
    console.line(
      "Folder      \(Figures.count(content.entries.count, "file")), \(Figures.size(total)), names in five scripts"
    )
  }

  private func makeTorrent(tracker: String) throws(Failure) -> String {
    let meter = PassMeter("hashing", on: display)
    var options = TorrentCreation.Options()
    options.trackers = [[tracker]]
    options.createdBy = "apus"
    let metainfo: Metainfo
    do throws(CreationError) {
      metainfo = try TorrentCreation.run(
        path: original, options: options, threads: Process.processors,
        progress: { meter.report($0.done, of: $0.total) })
    } catch {
      throw Failure("cannot create the demo's torrent: \(error)")
    }
    display.clear()
    let info = metainfo.info
    let path = stage.folder + "/swifts.torrent"
    try FileSystem.replace(path, with: metainfo.encoded())
    let size = Figures.size(Int64(info.pieceLength))
    console.line("Torrent     hybrid, \(Figures.count(info.pieceCount, "piece")) of \(size)")
    console.line("            v1 \(info.infoHashV1?.description ?? "")")
    console.line("            v2 \(info.infoHashV2?.description ?? "")")
    console.line("Tracker     \(tracker)")
    return path
  }

  private func startPeers(_ torrent: String) async throws(Failure) -> (DemoPlayer, [DemoPlayer]) {
    let common = ["--listen", "127.0.0.1:0", "--event-interval", "0.1", "--no-dht"]
    let folder = stage.folder + "/seeder"
    let seeder = try stage.start("seeder", ["seed", torrent, "--dir", folder] + common)
    _ = try await awaitValue(of: seeder) { $0.isSeeding ? true : nil }
    console.line("Seeder      \(seeder.address ?? "")")
    var downloaders: [DemoPlayer] = []
    for number in 1...Self.downloaders {
      let folder = "\(stage.folder)/downloader-\(number)"
      // They stay after they are complete, for the others.
      let arguments = ["download", torrent, "--dir", folder, "--seed-time", "1h"] + common
      downloaders.append(try stage.start("downloader \(number)", arguments))
    }
    for downloader in downloaders { _ = try await awaitValue(of: downloader) { $0.address } }
    console.line("Downloaders \(downloaders.compactMap(\.address).joined(separator: ", "))\n")
    return (seeder, downloaders)
  }

  private func watch(_ seeder: DemoPlayer, _ downloaders: [DemoPlayer]) async throws(Failure) {
    let start = Instant.now
    while goesOn, downloaders.contains(where: { $0.result == nil }) {
      display.update { rows(seeder, downloaders) }
      for player in [seeder] + downloaders { try player.checkRunning() }
      guard Instant.now.seconds(since: start) < Self.limit else {
        throw Failure(
          "the downloads are not complete after \(Figures.time(Self.limit)); is the machine very busy?")
      }
      _ = await scene.interruption.sleep(0.05)
    }
    if goesOn { display.finish(rows(seeder, downloaders)) }
  }

  private func rows(_ seeder: DemoPlayer, _ downloaders: [DemoPlayer]) -> [ProgressRow] {
    ([seeder] + downloaders).map { $0.row(console.style) }
  }

  private func compare(_ downloaders: [DemoPlayer]) throws(Failure) {
    let meter = PassMeter("comparing", on: display)
    let total = content.size * Int64(downloaders.count)
    var done: Int64 = 0
    for number in 1...downloaders.count {
      let copy = "\(stage.folder)/downloader-\(number)/swifts"
      try ContentComparison.compare(content, original: original, copy: copy) { bytes in
        done += bytes
        meter.report(done, of: total)
        return goesOn
      }
    }
    display.clear()
    guard goesOn else { return }
    let files = Figures.grouped(content.entries.count * downloaders.count)
    console.line("\nCompared    every byte of \(files) files, \(Figures.size(total)): all the same")
  }

  /// Waits for something that a player will tell.
  private func awaitValue<Value>(
    of player: DemoPlayer, _ value: (DemoPlayer) -> Value?
  ) async throws(Failure) -> Value {
    let start = Instant.now
    while true {
      if let value = value(player) { return value }
      try player.checkRunning()
      guard goesOn else { throw Failure("interrupted") }
      guard Instant.now.seconds(since: start) < Self.limit else {
        throw Failure("the \(player.name) does not start")
      }
      if await scene.interruption.sleep(0.02) { throw Failure("interrupted") }
    }
  }
}
