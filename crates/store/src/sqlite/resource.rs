//! What all kinds of resources share: a table with a row for each, found by ARN, listed by creation, counted by the quota.

use model::{AccountId, Region, ResourceArn};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::Db;
use super::row::for_arn;
use crate::page::{Key, List};
use crate::{Page, PageRequest, StoreError};

/// The statements of a kind. The first two parameters are account and region (but for `all`, which has none), the third is the id.
pub(super) struct Sql {
    pub(super) get: &'static str,
    /// Begins after the creation ?3 and the id ?4 and has ?5 rows.
    pub(super) list: &'static str,
    pub(super) all: &'static str,
    pub(super) count: &'static str,
    pub(super) delete: &'static str,
    pub(super) tags: &'static str,
    /// Sets the tags ?4.
    pub(super) tags_set: &'static str,
}

/// The statements of the kind that has this table, whose rows are read as these columns.
macro_rules! sql {
    ($table:literal, $columns:expr) => {
        $crate::sqlite::resource::Sql {
            get: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE account = ?1 AND region = ?2 AND id = ?3"
            ),
            list: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE account = ?1 AND region = ?2 AND (created, id) > (?3, ?4)",
                " ORDER BY created, id LIMIT ?5"
            ),
            // Graves of stages have no account.
            all: concat!(
                "SELECT ",
                $columns,
                " FROM ",
                $table,
                " WHERE account <> '' ORDER BY account, region, created, id"
            ),
            count: concat!(
                "SELECT count(*) FROM ",
                $table,
                " WHERE account = ?1 AND region = ?2"
            ),
            delete: concat!(
                "DELETE FROM ",
                $table,
                " WHERE account = ?1 AND region = ?2 AND id = ?3"
            ),
            tags: concat!(
                "SELECT tags FROM ",
                $table,
                " WHERE account = ?1 AND region = ?2 AND id = ?3"
            ),
            tags_set: concat!(
                "UPDATE ",
                $table,
                " SET tags = ?4 WHERE account = ?1 AND region = ?2 AND id = ?3"
            ),
        }
    };
}

pub(super) use sql;

/// A row of a kind's table.
pub(super) trait Resource: for<'r> FromRow<'r, SqliteRow> + Send + Unpin {
    /// What the row says.
    type Model: Send;
    /// The kind in the plural, as people read it.
    const KINDS: &'static str;
    const SQL: Sql;
    const LIST: List;

    /// Its place in the list.
    fn key(&self) -> Key;

    fn model(self) -> Result<Self::Model, StoreError>;

    /// One resource.
    async fn get(db: &Db, arn: impl Into<ResourceArn>) -> Result<Option<Self::Model>, StoreError> {
        Self::read(&mut *db.readers.acquire().await?, &arn.into()).await
    }

    /// One resource, on this connection.
    async fn read(
        connection: &mut SqliteConnection,
        arn: &ResourceArn,
    ) -> Result<Option<Self::Model>, StoreError> {
        let row: Option<Self> = for_arn!(query_as(Self::SQL.get), arn)
            .fetch_optional(connection)
            .await?;
        row.map(Self::model).transpose()
    }

    /// Resources of an account and region, by (creation, id).
    async fn list(
        db: &Db,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<Self::Model>, StoreError> {
        let after = page.key(Self::LIST)?;
        let rows = query_as(Self::SQL.list)
            .bind(account.as_str())
            .bind(region.as_str())
            .bind(after.number)
            .bind(after.id)
            .bind(page.rows())
            .fetch_all(&db.readers)
            .await?;
        Self::page(rows, page)
    }

    /// The page of rows that were read for a request.
    fn page(rows: Vec<Self>, page: &PageRequest) -> Result<Page<Self::Model>, StoreError> {
        let Page { items, next } = Page::cut(rows, page, Self::LIST, Self::key);
        Ok(Page {
            items: models(items)?,
            next,
        })
    }

    /// Every resource of every account, by (account, region, creation, id).
    async fn all(connection: &mut SqliteConnection) -> Result<Vec<Self::Model>, StoreError> {
        models::<Self>(query_as(Self::SQL.all).fetch_all(connection).await?)
    }

    /// Deletes a resource.
    async fn delete(connection: &mut SqliteConnection, arn: ResourceArn) -> Result<(), StoreError> {
        let deleted = for_arn!(query(Self::SQL.delete), arn)
            .execute(connection)
            .await?;
        if deleted.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        Ok(())
    }

    /// Refuses what was added in this transaction if it stood there before or is one too many. That the count and the insert are
    /// one transaction is why a race cannot pass the quota.
    async fn admit(
        connection: &mut SqliteConnection,
        added: bool,
        account: &AccountId,
        region: &Region,
        quota: u32,
    ) -> Result<(), StoreError> {
        if !added {
            return Err(StoreError::AlreadyExists);
        }
        let count: i64 = query_scalar(Self::SQL.count)
            .bind(account.as_str())
            .bind(region.as_str())
            .fetch_one(connection)
            .await?;
        if count > i64::from(quota) {
            return Err(StoreError::QuotaExceeded {
                kinds: Self::KINDS,
                max: quota,
            });
        }
        Ok(())
    }
}

fn models<R: Resource>(rows: Vec<R>) -> Result<Vec<R::Model>, StoreError> {
    rows.into_iter().map(R::model).collect()
}
