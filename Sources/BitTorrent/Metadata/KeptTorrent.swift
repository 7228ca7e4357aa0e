import Bytes
private import CSystem
import Digest
private import Glibc
import Metainfo

/// The torrent file that is made of what peers gave for a magnet link, kept in
/// `DIRECTORY/.apus/INFOHASH.torrent`, so that the same link is not fetched again. Every call may block.
struct KeptTorrent {
  private static let stateFolder = ".apus"

  private let magnet: Magnet
  private let directory: String
  private let isOn: Bool

  init(_ magnet: Magnet, in options: AddOptions) {
    self.magnet = magnet
    directory = options.directory
    isOn = !options.isMetadataOnly
  }

  private var folder: String { "\(directory)/\(Self.stateFolder)" }
  private var path: String { "\(folder)/\(magnet.infoHash?.description ?? "").torrent" }

  /// The torrent that was kept, with the trackers and web seeds of the link; `nil` if there is none, or
  /// another one.
  func load() -> Metainfo? {
    guard isOn, let bytes = read(), var metainfo = try? Metainfo(bytes), magnet.names(metainfo.info) else {
      return nil
    }
    metainfo.trackers = magnet.trackers.map { [$0] }
    metainfo.webSeeds = magnet.webSeeds
    return metainfo
  }

  /// Keeps a torrent. That it cannot be kept does not matter much: it would be fetched again.
  func save(_ metainfo: Metainfo) {
    guard isOn, isUsable(create: true) else { return }
    let temporary = path + ".new"
    unsafe unlink(temporary)
    let descriptor = unsafe apus_open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { return }
    let isWritten = Self.write(metainfo.encoded(), to: descriptor) && fsync(descriptor) == 0
    close(descriptor)
    let isKept = unsafe isWritten && rename(temporary, path) == 0
    if !isKept { unsafe unlink(temporary) }
  }

  /// Whether the folder is one of ours: no link that leads elsewhere.
  private func isUsable(create: Bool) -> Bool {
    if create {
      var path = directory.hasPrefix("/") ? "/" : ""
      for component in folder.split(separator: "/") {
        path += component
        unsafe mkdir(path, 0o777)
        path += "/"
      }
    }
    var found = apus_file_status()
    return unsafe apus_status_at(AT_FDCWD, folder, &found) == 0 && found.kind == 2
  }

  private func read() -> [UInt8]? {
    guard isUsable(create: false) else { return nil }
    let descriptor = unsafe apus_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var found = apus_file_status()
    guard unsafe apus_status(descriptor, &found) == 0, found.kind == 1,
      found.size <= MetainfoLimits.standard.maximumBytes
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(found.size))
    var done = 0
    while done < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { bytes in
        unsafe pread(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(done))
      }
      guard got > 0 else { return nil }
      done += got
    }
    return bytes
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let put = unsafe bytes.withUnsafeBytes { bytes in
        unsafe pwrite(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(done))
      }
      guard put > 0 else { return false }
      done += put
    }
    return true
  }
}
