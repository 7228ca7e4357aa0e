internal import CSystem

/// By what a file is known again: if size and time are the same, so is the content.
struct FileIdentity: Hashable, Sendable {
  var size: Int64
  /// Time of the last change, nanoseconds since 1970.
  var modified: Int64

  init(size: Int64, modified: Int64) {
    self.size = size
    self.modified = modified
  }

  init(_ status: apus_file_status) { self.init(size: status.size, modified: status.modified) }
}

/// Asks about many files of a storage one after the other; neighbours share their open folder.
struct StatusWalk {
  private let storage: TorrentStorage
  private var folder: OpenFile?
  private var folderPath: ArraySlice<String>?

  init(_ storage: TorrentStorage) { self.storage = storage }

  /// What is at a file's place, links not followed; `nil` if there is nothing, or no way to it.
  mutating func status(_ file: Int) -> apus_file_status? {
    let path = storage.path(file)
    if folderPath != path.dropLast() {
      folderPath = path.dropLast()
      folder = try? storage.openFolder(path.dropLast(), creating: false)
    }
    guard let folder, let name = path.last else { return nil }
    var found = apus_file_status()
    return unsafe apus_status_at(folder.descriptor, name, &found) == 0 ? found : nil
  }

  /// The identity of a regular file; `nil` if there is none.
  mutating func identity(_ file: Int) -> FileIdentity? {
    guard let found = status(file), found.kind == 1 else { return nil }
    return FileIdentity(found)
  }
}
