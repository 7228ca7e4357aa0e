import Bytes
internal import Synchronization

// Which files are wanted, while the torrent runs.
extension ResumeJournal {
  /// Changes which files are wanted. What the part store has of files that are wanted now moves to them; a
  /// file that is not wanted any more keeps what it has, and is not written to again.
  ///
  /// Not while pieces are written or an epoch runs. Reading goes on.
  ///
  /// - Parameter wanted: for each file whether it is wanted; all if `nil`.
  /// - Throws: what kept bytes from moving: the new selection holds all the same, and they are read from where
  ///   they are.
  public func select(_ wanted: [Bool]?) throws(StorageError) {
    storage.setWanted(wanted)
    try storage.makeEmptyEntries()
    try claimParts()
  }

  /// Moves what the part store has of wanted files: to the file, synced, recorded; then out of the store.
  func claimParts() throws(StorageError) {
    let files = storage.filesToClaim
    guard !files.isEmpty else { return }
    let have = have
    try storage.copyParts(of: files) { have[$0] }
    // The files have changed by our own hand: without a record they would be checked at the next start.
    try commit([])
    try storage.clearMarks(of: files)
  }
}
