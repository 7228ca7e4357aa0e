import Bytes
import Digest
import Glibc
import Metainfo
import Synchronization
import TestSupport
import Testing

@Suite struct CreationTests {
  static let files = [
    TestFile("b", 40000), TestFile("a.b/c", 20), TestFile("a/z", 16384), TestFile("empty", 0),
    TestFile("run.sh", 10, isExecutable: true), TestFile("ä/ö", 70000), TestFile("a-b", 3),
    TestFile("link", linkTo: "a/z"), TestFile("a/up", linkTo: "../b"), TestFile("a/dir", linkTo: "../ä"),
  ]

  @Test(arguments: TorrentVersion.allCases)
  func `a folder becomes a torrent that reads as it was made`(version: TorrentVersion) throws {
    let folder = try ContentFolder(files: Self.files)
    let made = try folder.torrent(version, pieceLength: 16384) {
      $0.isPrivate = true
      $0.source = "here"
      $0.comment = "a comment"
      $0.createdBy = "tests"
      $0.trackers = [["http://a/"], ["http://b/", "http://c/"]]
    }
    let read = try Metainfo(made.encoded())
    #expect(read.info == made.info)
    #expect(read.pieceLayers == made.pieceLayers)
    #expect(read.pieceLayers.missing(in: read.info).isEmpty)
    #expect(read.info.version == version && read.info.isPrivate && read.info.source == "here")
    #expect(read.comment == "a comment" && read.createdBy == "tests" && read.creationDate == nil)
    #expect(read.trackers == [["http://a/"], ["http://b/", "http://c/"]])
    #expect(read.info.contentLength == 40000 + 20 + 16384 + 10 + 70000 + 3)
    for file in read.info.files where !file.isPadding && !file.isSymbolicLink {
      #expect(try ContentFolder.read(folder.location(file)).count == Int(file.length))
    }
  }

  @Test(arguments: TorrentVersion.allCases)
  func `files come in the order of the bytes of their paths`(version: TorrentVersion) throws {
    let info = try ContentFolder(files: Self.files).torrent(version).info
    let paths = info.files.filter { !$0.isPadding }.map { $0.path.dropFirst().joined(separator: "/") }
    #expect(
      paths == [
        "a/dir", "a/up", "a/z", "a-b", "a.b/c", "b", "empty", "link", "run.sh", "ä/ö",
      ])
  }

  @Test(arguments: TorrentVersion.allCases)
  func `kinds are kept`(version: TorrentVersion) throws {
    let info = try ContentFolder(files: Self.files).torrent(version).info
    let kinds = Dictionary(
      info.files.filter { !$0.isPadding }.map { ($0.path.dropFirst().joined(separator: "/"), $0.kind) },
      uniquingKeysWith: { first, _ in first })
    #expect(kinds["run.sh"] == .regular(isExecutable: true))
    #expect(kinds["b"] == .regular(isExecutable: false))
    #expect(kinds["link"] == .symbolicLink(target: ["content", "a", "z"]))
    #expect(kinds["a/up"] == .symbolicLink(target: ["content", "b"]))
    #expect(kinds["a/dir"] == .symbolicLink(target: ["content", "ä"]))
  }

  @Test(arguments: TorrentVersion.allCases)
  func `equal content gives equal bytes on any number of threads`(version: TorrentVersion) throws {
    let one = try ContentFolder(files: Self.files)
    let other = try ContentFolder(files: Self.files.reversed())
    var options = TorrentCreation.Options()
    options.version = version
    options.pieceLength = 16384
    let first = try TorrentCreation.run(path: one.path, options: options, threads: 1).encoded()
    for threads in [1, 2, 7] {
      #expect(
        try TorrentCreation.run(path: other.path, options: options, threads: threads).encoded() == first)
    }
    #expect(try TorrentCreation.run(path: one.path + "/", options: options).encoded() == first)
  }

  @Test(arguments: TorrentVersion.allCases)
  func `every piece of a large piece length has its hash`(version: TorrentVersion) throws {
    // Pieces of more than one read each.
    let folder = try ContentFolder(files: [TestFile("a", 1_500_000), TestFile("b", 100_000)])
    let metainfo = try folder.torrent(version, pieceLength: 1 << 20)
    let info = metainfo.info
    for piece in 0..<info.pieceCount {
      let bytes = folder.piece(piece, of: info)
      if version.hasV1 { #expect(SHA1.hash(bytes.rawBytes) == info.v1Hash(piece)) }
    }
    guard version.hasV2 else { return }
    let leaves = stride(from: 0, to: 1_500_000, by: 16384).map { start in
      SHA256.hash([UInt8](folder.files[0].bytes.dropFirst(start).prefix(16384)).rawBytes)
    }
    let root = MerkleTree.root(leaves: leaves, width: 128, hasher: SHA256())
    #expect(info.files[0].piecesRoot == root)
    let first = MerkleTree.root(leaves: Array(leaves[..<64]), width: 64, hasher: SHA256())
    #expect(metainfo.pieceLayers.hash(ofPiece: 0, in: info) == first)
  }

  static let kibibyte = 1024
  static let lengths: [(content: Int, length: Int)] = [
    (1, 16 * kibibyte), (16384 * kibibyte, 16 * kibibyte), (65536 * kibibyte, 64 * kibibyte),
    (1_048_576 * kibibyte, 1024 * kibibyte), (10_485_760 * kibibyte, 8192 * kibibyte),
    (1_073_741_824 * kibibyte, 16384 * kibibyte),
  ]

  @Test(arguments: lengths)
  func `the piece length gives one to two thousand pieces`(content: Int, length: Int) {
    #expect(TorrentCreation.defaultPieceLength(contentLength: Int64(content)) == length)
  }

  @Test func `a single file is a torrent without a folder`() throws {
    let folder = try ContentFolder(name: "only.bin", files: [TestFile("", 50000, isExecutable: true)])
    for version in TorrentVersion.allCases {
      let info = try folder.torrent(version, pieceLength: 16384).info
      #expect(!info.isFolder)
      #expect(info.files.map { $0.path } == [["only.bin"]])
      #expect(info.files[0].kind == .regular(isExecutable: true))
      #expect(info.name == "only.bin")
    }
  }

  @Test func `a folder with one file of its own name stays a folder`() throws {
    let folder = try ContentFolder(name: "same", files: [TestFile("same", 50000)])
    for version in [TorrentVersion.v1, .hybrid] {
      let info = try folder.torrent(version, pieceLength: 16384).info
      #expect(info.isFolder)
      #expect(info.files.first?.path == ["same", "same"])
    }
  }

  @Test func `state of downloads is left out`() throws {
    let folder = try ContentFolder(files: [
      TestFile("a", 5), TestFile(".apus/x.resume", 5), TestFile("b/.apus/y", 5),
    ])
    let info = try folder.torrent(.v1).info
    #expect(info.files.map { $0.path.dropFirst().joined(separator: "/") } == ["a", "b/.apus/y"])
  }

  @Test func `progress rises to the end`() throws {
    let folder = try ContentFolder(files: [TestFile("a", 400_000), TestFile("b", 7)])
    let seen = Mutex<[ProgressCount]>([])
    var options = TorrentCreation.Options()
    options.pieceLength = 16384
    _ = try TorrentCreation.run(path: folder.path, options: options, threads: 1) { count in
      seen.withLock { $0.append(count) }
    }
    let counts = seen.withLock { $0 }
    #expect(counts.count > 10)
    #expect(counts.allSatisfy { $0.total == 400_007 })
    #expect(counts.map { $0.done } == counts.map { $0.done }.sorted())
    #expect(counts.last?.done == 400_007)
  }
}

@Suite struct CreationFaultTests {
  private func error(_ path: String, _ change: (inout TorrentCreation.Options) -> Void = { _ in })
    -> CreationError?
  {
    var options = TorrentCreation.Options()
    change(&options)
    do {
      _ = try TorrentCreation.run(path: path, options: options)
      return nil
    } catch {
      return error
    }
  }

  @Test func `nothing there`() {
    #expect(
      error("/nonexistent/x") == .unreadable(path: "/nonexistent/x", reason: "No such file or directory"))
  }

  @Test func `nothing in it`() throws {
    let none = try ContentFolder(files: [TestFile("x", linkTo: "y")])
    #expect(error(none.path) == .empty(path: none.path))
    let hollow = try ContentFolder(files: [TestFile("a", 0), TestFile("b", 0)])
    #expect(error(hollow.path) == .empty(path: hollow.path))
  }

  @Test(arguments: ["/etc/passwd", "../x", "../../content-other", "sub/../../x"])
  func `a link that leaves the folder`(target: String) throws {
    let folder = try ContentFolder(files: [TestFile("a", 5), TestFile("link", linkTo: target)])
    #expect(error(folder.path) == .linkLeaves(path: folder.path + "/link", target: target))
  }

  @Test func `an absolute link into the folder is fine`() throws {
    let folder = try ContentFolder(files: [TestFile("sub/a", 5)])
    symlink(folder.path + "/sub/a", folder.path + "/link")
    symlink(".", folder.path + "/self")
    let info = try folder.torrent(.hybrid).info
    #expect(info.files[0].kind == .symbolicLink(target: ["content", "sub", "a"]))
    #expect(info.files[1].kind == .symbolicLink(target: ["content"]))
  }

  @Test func `a pipe`() throws {
    let folder = try ContentFolder(files: [TestFile("a", 5)])
    mkfifo(folder.path + "/pipe", 0o600)
    #expect(error(folder.path) == .notAFile(path: folder.path + "/pipe"))
  }

  @Test(arguments: ["a\u{1}b", "x\u{202e}y", "new\nline"])
  func `a name that would not arrive as it is`(name: String) throws {
    let folder = try ContentFolder(files: [TestFile(name, 5)])
    #expect(error(folder.path) == .unsafeName(path: folder.path + "/" + name))
  }

  @Test(arguments: [0, -1, 100, 8192, 16385, 1 << 29])
  func `a piece length that is not allowed`(length: Int) throws {
    let folder = try ContentFolder(files: [TestFile("a", 5)])
    #expect(
      error(folder.path) { $0.pieceLength = length }
        == .invalidPieceLength(length, minimum: 16384, maximum: 256 << 20))
  }

  @Test(arguments: [5, 30_000_000])
  func `a file that changes while it is read`(length: Int) throws {
    let folder = try ContentFolder(files: [TestFile("a", 3_000_000), TestFile("b", 5)])
    var options = TorrentCreation.Options()
    options.pieceLength = 16384
    let path = folder.path + "/a"
    let done = Atomic<Bool>(false)
    #expect(throws: CreationError.changed(path: path)) {
      try TorrentCreation.run(path: folder.path, options: options) { _ in
        // Shorter or longer, after the first pieces.
        if !done.exchange(true, ordering: .relaxed) { truncate(path, length) }
      }
    }
    let hasChanged = done.load(ordering: .relaxed)
    #expect(hasChanged)
  }

  @Test func `a file that may not be read`() throws {
    // Root may read everything.
    guard geteuid() != 0 else { return }
    let folder = try ContentFolder(files: [TestFile("a", 5)])
    chmod(folder.path + "/a", 0)
    #expect(error(folder.path) == .unreadable(path: folder.path + "/a", reason: "Permission denied"))
  }
}
