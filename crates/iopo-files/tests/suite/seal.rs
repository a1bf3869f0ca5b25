//! A sealed folder proves its files.

use std::fs;

use iopo_files::{MANIFEST, Owner, verify_folder};

const OURS: Owner = Owner::new("ours");

fn sealed() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("weights"), [7; 300]).unwrap();
    fs::write(folder.path().join("state"), "{}").unwrap();
    OURS.seal(folder.path()).unwrap();
    folder
}

#[test]
fn a_sealed_folder_is_whole_and_may_be_removed() {
    let folder = sealed();
    assert!(verify_folder(folder.path()).unwrap());
    // Notes of a user's beside the files are no damage.
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    assert!(verify_folder(folder.path()).unwrap());
    fs::remove_file(folder.path().join("notes.txt")).unwrap();
    OURS.check_folder(folder.path()).unwrap();
}

#[test]
fn a_flipped_bit_is_an_error_that_names_the_file() {
    let folder = sealed();
    let path = folder.path().join("weights");
    for bit in [0, 1234, 2399] {
        let mut bytes = [7; 300];
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes).unwrap();
        let error = verify_folder(folder.path()).unwrap_err();
        assert_eq!(error.path, path);
        assert!(error.source.to_string().contains("damaged or edited"), "{}", error.source);
    }
}

#[test]
fn a_file_that_is_cut_off_or_missing_is_an_error_that_names_it() {
    let folder = sealed();
    let path = folder.path().join("weights");
    fs::write(&path, [7; 299]).unwrap();
    assert_eq!(verify_folder(folder.path()).unwrap_err().path, path);
    fs::remove_file(&path).unwrap();
    assert_eq!(verify_folder(folder.path()).unwrap_err().path, path);
}

#[test]
fn a_folder_without_a_record_proves_nothing() {
    let folder = sealed();
    fs::remove_file(folder.path().join(MANIFEST)).unwrap();
    assert!(!verify_folder(folder.path()).unwrap());
}
