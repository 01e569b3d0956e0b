//! The teams and their points in SQLite, and the news that they changed. Knows nothing of HTTP.

use std::fs;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Result};
use serde_json::json;

const MAX_TEAMS: i64 = 64;

/// One tenant's scores.
pub struct Board {
    database: Mutex<Connection>,
    /// The number of changes since the start; `None` once the board is closed.
    version: Mutex<Option<u64>>,
    changed: Condvar,
}

impl Board {
    /// Opens the database, and makes it with `teams` if it has none.
    pub fn open<'a>(path: &str, teams: impl Iterator<Item = &'a str>) -> Result<Self> {
        if let Some(directory) = Path::new(path).parent() {
            let _ = fs::create_dir_all(directory);
        }
        let database = Connection::open(path)?;
        database.busy_timeout(Duration::from_secs(5))?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "NORMAL")?;
        database.execute("CREATE TABLE IF NOT EXISTS teams (name TEXT PRIMARY KEY, points INTEGER NOT NULL)", ())?;
        if !database.query_row("SELECT EXISTS (SELECT 1 FROM teams)", (), |row| row.get::<_, bool>(0))? {
            for team in teams {
                database.execute("INSERT OR IGNORE INTO teams VALUES (?, 0)", [team.trim()])?;
            }
        }
        Ok(Self { database: Mutex::new(database), version: Mutex::new(Some(0)), changed: Condvar::new() })
    }

    /// Adds `points` to a team, never below zero; a new name is a new team. `false` when there are too many.
    pub fn score(&self, team: &str, points: i64) -> Result<bool> {
        let changes = lock(&self.database).execute(
            "INSERT INTO teams SELECT ?1, max(0, ?2)
             WHERE EXISTS (SELECT 1 FROM teams WHERE name = ?1) OR (SELECT count(*) FROM teams) < ?3
             ON CONFLICT (name) DO UPDATE SET points = max(0, points + ?2)",
            (team, points, MAX_TEAMS),
        )?;
        if let Some(version) = lock(&self.version).as_mut() {
            *version += 1;
        }
        self.changed.notify_all();
        Ok(changes > 0)
    }

    /// `[{"name": …, "points": …}, …]` in the order in which the teams came.
    pub fn scores(&self) -> Result<String> {
        let database = lock(&self.database);
        let mut statement = database.prepare("SELECT name, points FROM teams ORDER BY rowid")?;
        let teams = statement
            .query_map((), |row| Ok(json!({ "name": row.get::<_, String>(0)?, "points": row.get::<_, i64>(1)? })))?;
        Ok(serde_json::Value::Array(teams.collect::<Result<_>>()?).to_string())
    }

    /// Waits until the version is not `seen`, or for `longest`; the version then, or `None` when the board is closed.
    pub fn wait(&self, seen: Option<u64>, longest: Duration) -> Option<u64> {
        let same = |version: &mut Option<u64>| version.is_some() && *version == seen;
        let waited = self.changed.wait_timeout_while(lock(&self.version), longest, same);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends every wait, for ever.
    pub fn close(&self) {
        *lock(&self.version) = None;
        self.changed.notify_all();
    }
}

/// A panic of another thread leaves nothing half done here: SQLite rolls back by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_add_up_and_never_fall_below_zero() -> Result<()> {
        let board = Board::open(":memory:", ["Lions", "Tigers"].into_iter())?;
        for (team, points) in [("Lions", 3), ("Tigers", -1), ("Lions", -1), ("Bears", 2)] {
            assert!(board.score(team, points)?);
        }
        let scores = r#"[{"name":"Lions","points":2},{"name":"Tigers","points":0},{"name":"Bears","points":2}]"#;
        assert_eq!(board.scores()?, scores);
        Ok(())
    }

    #[test]
    fn a_full_board_takes_points_but_no_team() -> Result<()> {
        let board = Board::open(":memory:", [].into_iter())?;
        for number in 0..MAX_TEAMS {
            assert!(board.score(&number.to_string(), 1)?);
        }
        assert!(!board.score("one more", 1)?);
        assert!(board.score("7", 1)?);
        Ok(())
    }

    #[test]
    fn a_wait_ends_at_a_change_and_at_the_close() -> Result<()> {
        let board = Board::open(":memory:", [].into_iter())?;
        let hour = Duration::from_secs(3600);
        assert_eq!(board.wait(None, hour), Some(0));
        board.score("Lions", 1)?;
        assert_eq!(board.wait(Some(0), hour), Some(1));
        board.close();
        assert_eq!(board.wait(Some(1), hour), None);
        Ok(())
    }
}
